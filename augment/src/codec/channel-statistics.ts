import { elementsOf } from '@offramp/bundle';
import type { CodecDesign } from './codec-design.js';
import type { ChannelStatistics } from './codec-graph.js';

/** A channel that hardly varies is divided by this, as a share of the mean deviation of all. */
const leastDeviation = 0.05;

/** Sums over activations, from which mean and deviation of each channel follow. */
export class ChannelSums {
  private readonly sums: Float64Array;
  private readonly squares: Float64Array;
  private count = 0;
  private least = 0;

  /** @param map of the activation, see {@link CodecDesign} */
  constructor(private readonly map: Pick<CodecDesign['map'], 'channels' | 'sides' | 'channelsLast'>) {
    this.sums = new Float64Array(map.channels);
    this.squares = new Float64Array(map.channels);
  }

  /** @param activations any number of samples, without carried rows */
  add(activations: Float32Array): void {
    const { channels, sides, channelsLast } = this.map;
    const places = elementsOf(sides);
    for (let i = 0; i < activations.length; i++) {
      const channel = channelsLast ? i % channels : Math.floor(i / places) % channels;
      const value = activations[i] as number;
      this.sums[channel] = (this.sums[channel] as number) + value;
      this.squares[channel] = (this.squares[channel] as number) + value * value;
      if (value < this.least) this.least = value;
    }
    this.count += activations.length / channels;
  }

  statistics(): ChannelStatistics {
    const mean = Float32Array.from(this.sums, (sum) => sum / Math.max(1, this.count));
    const deviation = Float32Array.from(this.squares, (sum, channel) => {
      const centre = mean[channel] as number;
      return Math.sqrt(Math.max(0, sum / Math.max(1, this.count) - centre * centre));
    });
    const least = leastDeviation * (deviation.reduce((sum, each) => sum + each, 0) / deviation.length);
    return {
      mean,
      deviation: deviation.map((each) => Math.max(each, least, 1e-6)),
      nonNegative: this.least >= 0,
    };
  }
}
