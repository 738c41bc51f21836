import {
  type Bundle,
  brokenExitError,
  elementsOf,
  type PictureInput,
  runStage,
  type StageRunner,
} from '@offramp/bundle';
import { type ExitOutcome, neverExits } from '@offramp/contracts';
import { type Dataset, normaliserFor, type Packing, packPicture, repackPicture } from '@offramp/data';
import { FittedPictures } from '../pictures/fitted-pictures.js';
import { pictureBatches } from '../pictures/picture-batches.js';
import { throwIfInterrupted } from '../support/interruption.js';
import { exitOf, minOffloaded, runEveryExit } from './choose-codecs.js';
import { CodecTally } from './codec-tally.js';

/** The pictures that a device sends which stops before a stage. */
export interface PictureBoundary {
  stage: number;
  /** Indices of the pictures that are tried: those that no earlier exit answers or, if these are few, that fewer exits answer. */
  members: number[];
  /** The others whose answer is the backbone's. */
  agreedBefore: number;
}

export interface PictureTrialParts {
  bundle: Bundle;
  pool: StageRunner;
  dataset: Dataset;
  input: PictureInput;
  /** Pictures to use, from the first. */
  samples: number;
  /** Pictures that run together. */
  batchSize: number;
  signal: AbortSignal | undefined;
}

/** Held-out pictures, what every exit says of them, and what it says once they have been packed and unpacked. */
export class PictureTrial {
  readonly boundaries: readonly PictureBoundary[];
  private readonly pictures: FittedPictures;
  private readonly batchSize: number;

  private constructor(
    private readonly parts: PictureTrialParts,
    /** Of every exit, for each picture. */
    private readonly exact: readonly ExitOutcome[][],
  ) {
    this.pictures = new FittedPictures(parts.dataset, parts.input);
    this.batchSize = parts.batchSize;
    this.boundaries = parts.bundle.manifest.stages.map((_, stage) => this.boundaryBefore(stage));
  }

  /** @throws OfframpError `INTERRUPTED`, `DATA_INVALID`, `IMAGE_INVALID`, `INFERENCE_FAILED` */
  static async create(parts: PictureTrialParts): Promise<PictureTrial> {
    const { bundle, pool, dataset, input, samples, batchSize, signal } = parts;
    const exact: ExitOutcome[][] = [];
    const indices = Array.from({ length: samples }, (_, i) => i);
    for await (const batch of pictureBatches(dataset, indices, input, batchSize)) {
      throwIfInterrupted(signal);
      exact.push(...(await runEveryExit(bundle, pool, batch)).exits);
    }
    return new PictureTrial(parts, exact);
  }

  /** Number of pictures. */
  get samples(): number {
    return this.parts.samples;
  }

  get input(): PictureInput {
    return this.parts.input;
  }

  /** Whether the answer to a picture that enters at a stage is the backbone's, without loss in transfer. */
  agreesExactly(index: number, stage: number): boolean {
    const outcomes = this.outcomesOf(index);
    return outcomes[exitOf(outcomes, this.thresholds, stage)]?.label === outcomes.at(-1)?.label;
  }

  async pack(packing: Packing, indices: readonly number[]): Promise<Uint8Array[]> {
    const packed: Uint8Array[] = [];
    for (let start = 0; start < indices.length; start += this.batchSize) {
      throwIfInterrupted(this.parts.signal);
      const batch = indices.slice(start, start + this.batchSize);
      packed.push(...(await Promise.all(batch.map((index) => this.packed(packing, index)))));
    }
    return packed;
  }

  /**
   * Packs, unpacks and runs the pictures of boundaries, as long as there are any that have not lost more than allowed.
   * @returns counts of the boundaries that have not
   */
  async run(
    packing: Packing,
    boundaries: readonly PictureBoundary[],
    allowedLost: number,
  ): Promise<Map<PictureBoundary, CodecTally<Packing>>> {
    const tallies = new Map(boundaries.map((boundary) => [boundary, new CodecTally(packing)]));
    /** For each picture, the boundaries that it belongs to. */
    const joined = new Map<number, PictureBoundary[]>();
    for (const boundary of boundaries) {
      for (const index of boundary.members) joined.set(index, [...(joined.get(index) ?? []), boundary]);
    }
    const indices = [...joined.keys()].sort((a, b) => a - b);
    for (let start = 0; start < indices.length && tallies.size > 0; start += this.batchSize) {
      throwIfInterrupted(this.parts.signal);
      const batch = indices
        .slice(start, start + this.batchSize)
        .map((index) => ({ index, at: (joined.get(index) ?? []).filter((each) => tallies.has(each)) }))
        .filter(({ at }) => at.length > 0);
      await this.tryBatch(packing, batch, tallies);
      for (const [boundary, tally] of tallies) if (tally.lost > allowedLost) tallies.delete(boundary);
    }
    return tallies;
  }

  private async tryBatch(
    packing: Packing,
    batch: readonly { index: number; at: readonly PictureBoundary[] }[],
    tallies: ReadonlyMap<PictureBoundary, CodecTally<Packing>>,
  ): Promise<void> {
    const { input } = this.parts;
    const width = elementsOf(input.shape);
    const normalise = normaliserFor(input);
    const values = new Float32Array(batch.length * width);
    const bytes = await Promise.all(
      batch.map(async ({ index }, row) => {
        const { bytes, pixels } = await repackPicture(await this.pixels(index), input, packing);
        normalise(pixels, values, row * width);
        return bytes;
      }),
    );
    const deepest = batch.map(({ at }) => Math.max(...at.map(({ stage }) => stage)));
    const outcomes = await this.answer(deepest, values);
    for (const [row, { index, at }] of batch.entries()) {
      const label = this.outcomesOf(index).at(-1)?.label;
      for (const boundary of at) {
        const found = outcomes[row] as ExitOutcome[];
        const agrees = found[exitOf(found, this.thresholds, boundary.stage)]?.label === label;
        tallies.get(boundary)?.count(bytes[row] as number, this.agreesExactly(index, boundary.stage), agrees);
      }
    }
  }

  /**
   * Runs pictures until they leave.
   * @param deepest for each picture, the stage before whose exit it may not leave
   * @returns for each picture the outcomes of the exits that it reached
   */
  private async answer(deepest: readonly number[], input: Float32Array): Promise<ExitOutcome[][]> {
    const { pool } = this.parts;
    const all = deepest.map((stage) => ({
      thresholds: this.thresholds.map((threshold, exit) => (exit < stage ? neverExits : threshold)),
      passed: [] as ExitOutcome[],
    }));
    let samples = all;
    let activation = input;
    for (let stage = 0; samples.length > 0; stage++) {
      const step = await runStage(pool, stage, samples, activation);
      if (step.broken.length > 0) throw brokenExitError(stage);
      for (const { sample, outcome } of step.answered) sample.passed.push(outcome);
      samples = step.staying;
      activation = step.activation;
    }
    return all.map(({ passed }) => passed);
  }

  private boundaryBefore(stage: number): PictureBoundary {
    const leftAt = this.exact.map((outcomes) => exitOf(outcomes, this.thresholds, 0));
    const offloadedAt = (at: number) => leftAt.filter((exit) => exit >= at).length;
    let from = stage;
    while (from > 0 && offloadedAt(from) < minOffloaded) from--;
    const members: number[] = [];
    let agreedBefore = 0;
    for (const [index, exit] of leftAt.entries()) {
      if (exit >= from) members.push(index);
      else if (this.agreesExactly(index, 0)) agreedBefore++;
    }
    return { stage, members, agreedBefore };
  }

  private async packed(packing: Packing, index: number): Promise<Uint8Array> {
    return packPicture(await this.pixels(index), this.parts.input, packing);
  }

  private async pixels(index: number): Promise<Uint8Array> {
    return (await this.pictures.read(index)) as Uint8Array;
  }

  private outcomesOf(index: number): ExitOutcome[] {
    return this.exact[index] as ExitOutcome[];
  }

  private get thresholds(): readonly number[] {
    return this.parts.bundle.manifest.policy.thresholds;
  }
}
