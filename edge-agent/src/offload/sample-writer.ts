import {
  type CodecChoice,
  codecNamed,
  encodeFirst,
  float32,
  type Manifest,
  preferredCodecs,
  stageLayout,
  type TensorLayout,
  uint8,
  uint8Deflated,
} from '@offramp/bundle';
import { neverExits } from '@offramp/contracts';
import type { WrittenSample } from './offload-sample.js';

/** What of a sample there is to send. */
export interface SampleTensors {
  /** Of the device's last stage. */
  activation: Float32Array;
  /** The model's input; `null` where the operator has not allowed to send it. */
  input: Float32Array | null;
}

/** Writes samples for a worker: the activation as the bundle says, or the input, where that is allowed and smaller. */
export class SampleWriter {
  private readonly preferred: readonly CodecChoice[];
  private readonly layout: TensorLayout;

  /**
   * @param deviceStages stages that the device runs, fewer than there are
   * @param sendsInput whether the input may be sent
   * @param lossless whether activations may lose nothing, whatever the bundle says
   */
  constructor(
    private readonly manifest: Manifest,
    private readonly deviceStages: number,
    readonly sendsInput: boolean,
    lossless = false,
  ) {
    this.preferred = preferredCodecs(manifest, deviceStages, lossless);
    this.layout = stageLayout(manifest, deviceStages);
  }

  /**
   * @param thresholds of the sample
   * @param encodings that the worker takes
   */
  write(
    { activation, input }: SampleTensors,
    thresholds: readonly number[],
    encodings: ReadonlySet<number>,
  ): WrittenSample {
    const asActivation = this.writeActivation(activation, thresholds, encodings);
    const asInput = input && this.writeInput(input, thresholds, encodings);
    return asInput && asInput.tensor.data.byteLength < asActivation.tensor.data.byteLength
      ? asInput
      : asActivation;
  }

  private writeActivation(
    activation: Float32Array,
    thresholds: readonly number[],
    encodings: ReadonlySet<number>,
  ): WrittenSample {
    const choices = this.preferred.filter(({ codec: { encoding } }) => encodings.has(encoding));
    const tensor = encodeFirst(choices, this.layout, activation);
    return { stage: this.deviceStages, tensor, thresholds: [...thresholds] };
  }

  /** @returns `null` where the worker or the input's values do not allow it */
  private writeInput(
    values: Float32Array,
    thresholds: readonly number[],
    encodings: ReadonlySet<number>,
  ): WrittenSample | null {
    const { input } = this.manifest;
    const codecs =
      input.kind === 'tensor' ? [codecNamed('float32+deflate'), float32] : [uint8Deflated, uint8];
    const codec = codecs.find(({ encoding }) => encodings.has(encoding));
    const encoded = codec?.encode(values, { shape: input.shape, input });
    if (!encoded) return null;
    return {
      stage: 0,
      tensor: { shape: [...input.shape], ...encoded },
      // The device has passed its exits; rounding must not have the sample leave at one of them after all.
      thresholds: thresholds.map((threshold, exit) => (exit < this.deviceStages ? neverExits : threshold)),
    };
  }
}
