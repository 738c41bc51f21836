import type { Bundle } from '@offramp/bundle';
import {
  alignLabels,
  type Dataset,
  normalise,
  openInputs,
  type PictureDecoder,
  type Split,
} from '@offramp/data';
import { type Clock, type Logger, messageOf, OfframpError } from '@offramp/runtime';
import { sourceDecoder } from '../pipeline/decoders.js';
import type { IncomingSample } from '../pipeline/pipeline.js';
import type { Slot, Slots } from '../slots.js';
import { Pacer } from './pacer.js';
import { type Selection, selectIndices } from './selection.js';

export interface DatasetSourceOptions {
  path: string;
  split: Split;
  selection: Selection;
  /** Samples per second; 0: as fast as places become free. */
  ratePerSecond: number;
}

/** Reads samples of a data set as places become free. */
export class DatasetSource {
  private readonly pacer: Pacer;
  private stopped = false;

  private constructor(
    private readonly dataset: Dataset,
    private readonly bundle: Bundle,
    private readonly options: DatasetSourceOptions,
    private readonly labelOf: (index: number) => number | null,
    private readonly decoder: PictureDecoder,
    clock: Clock,
  ) {
    this.pacer = new Pacer(options.ratePerSecond, clock);
  }

  /** @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`, `CONFIG_INVALID` */
  static async open(
    bundle: Bundle,
    options: DatasetSourceOptions,
    clock: Clock,
    logger: Logger,
  ): Promise<DatasetSource> {
    const { input, labels } = bundle.manifest;
    const { path, split, selection } = options;
    const decoder = sourceDecoder(clock);
    try {
      const dataset = await openInputs(path, input, { split, decoder });
      if (selection.offset >= dataset.size) {
        throw new OfframpError(
          'DATA_NOT_FOUND',
          `shard ${selection.offset}/${selection.step} of ${dataset.size} samples has none`,
        );
      }
      logger.info({ source: dataset.description }, 'source opened');
      return new DatasetSource(dataset, bundle, options, trueLabels(dataset, labels, logger), decoder, clock);
    } catch (error) {
      decoder.close();
      throw error;
    }
  }

  /**
   * Passes on samples, each with its place, until the selection is exhausted or stopped.
   * @param accept releases the place
   */
  async run(slots: Slots, accept: (sample: IncomingSample, slot: Slot) => void): Promise<void> {
    for (const index of selectIndices(this.dataset.size, this.options.selection)) {
      await this.pacer.next();
      if (this.stopped) return;
      const slot = await slots.take();
      if (!slot) return;
      accept(this.sampleAt(index), slot);
    }
  }

  stop(): void {
    this.stopped = true;
    this.pacer.cancel();
  }

  /** Abandons pictures that are not decoded yet. Their samples fail with `STOPPING` at once. */
  close(): void {
    this.stop();
    this.decoder.close();
  }

  private sampleAt(index: number): IncomingSample {
    return {
      name: this.dataset.nameAt(index),
      trueLabelIndex: this.labelOf(index),
      load: async () => {
        const { input } = this.bundle.manifest;
        const { values, file } = await this.dataset.readFitted(index, input);
        return { input: normalise(values, input), ...(file ? { file } : {}) };
      },
    };
  }
}

/** Pictures of classes that the bundle does not have are classified like unlabelled ones. */
function trueLabels(
  dataset: Dataset,
  labels: readonly string[],
  logger: Logger,
): (index: number) => number | null {
  try {
    const align = alignLabels(dataset, labels);
    const aligned = Array.from({ length: dataset.size }, (_, index) => align(dataset.labelAt(index)));
    return (index) => aligned[index] ?? null;
  } catch (error) {
    logger.warn({ reason: messageOf(error) }, "the source's labels are not used");
    return () => null;
  }
}
