import { type Bundle, elementsOf, type InferencePool, stageLayout } from '@offramp/bundle';
import type { Activation } from '../branches/activation.js';
import { type CodecDesign, designCodec, mapOf } from './codec-design.js';

/** Between the last stage that a device runs and the first one that a worker runs. */
export interface Boundary {
  bundle: Bundle;
  /** The first one on the worker. */
  stage: number;
  design: CodecDesign;
  /** Numbers of the exit's answer that the activation carries in its last rows; 0: none. */
  carried: number;
}

/** @returns `null` where no codec can be learned: the encoder would cost too much, or the activation has another form */
export function boundaryOf(bundle: Bundle, stage: number): Boundary | null {
  const { manifest } = bundle;
  const { carriedRows = 0 } = stageLayout(manifest, stage);
  const shape = ownShape(bundle, stage);
  const design = designCodec({ shape, layout: layoutOf(bundle, shape) }, manifest.backbone.macs);
  return design && { bundle, stage, design, carried: carriedRows > 0 ? manifest.labels.length : 0 };
}

/**
 * Where an activation has its channels. A manifest does not say; a wrong guess costs bytes, not answers. Tokens have
 * two dimensions, as have channels over time; pictures become the first.
 */
function layoutOf(
  { manifest }: Bundle,
  [first, second, third]: readonly number[],
): NonNullable<Activation['layout']> {
  if (third !== undefined) return first === second && second !== third ? 'channels-last' : 'channels-first';
  return manifest.input.kind === 'tensor' ? 'channels-first' : 'channels-last';
}

/** What a batch is at a boundary, and beyond. */
export interface BoundaryBatch {
  /** batch × the activation's shape, carried rows included. */
  activation: Float32Array;
  /** The confidences of the exits before, each of one value per sample. */
  confidences: Float32Array[];
}

/** Runs a batch up to a boundary. */
export async function runTo(
  { stage }: Pick<Boundary, 'stage'>,
  pool: InferencePool,
  input: Float32Array,
  batch: number,
): Promise<BoundaryBatch> {
  const confidences: Float32Array[] = [];
  let activation = input;
  for (let at = 0; at < stage; at++) {
    const output = await pool.run(at, activation, batch);
    confidences.push(output.confidence.slice());
    activation = (output.activation as Float32Array).slice();
    output.release();
  }
  return { activation, confidences };
}

/** What the frozen stages beyond a boundary make of a batch. */
export interface TailBatch {
  /** The next boundary's activation without carried rows; `null` beyond the last boundary. */
  next: Float32Array | null;
  /** Of the final exit. */
  probabilities: Float32Array;
}

export async function runTail(
  { bundle, stage }: Pick<Boundary, 'bundle' | 'stage'>,
  pool: InferencePool,
  activation: Float32Array,
  batch: number,
): Promise<TailBatch> {
  const { stages } = bundle.manifest;
  let next: Float32Array | null = null;
  let at = activation.slice();
  for (let i = stage; i < stages.length - 1; i++) {
    const output = await pool.run(i, at, batch);
    at = (output.activation as Float32Array).slice();
    output.release();
    if (i === stage) next = withoutCarried(bundle, stage + 1, at, batch);
  }
  const output = await pool.run(stages.length - 1, at, batch);
  const probabilities = output.probabilities.slice();
  output.release();
  return { next, probabilities };
}

/** A batch of activations without their last rows. */
export function withoutCarried(
  bundle: Bundle,
  stage: number,
  activations: Float32Array,
  batch: number,
): Float32Array {
  const { shape, carriedRows = 0 } = stageLayout(bundle.manifest, stage);
  if (carriedRows === 0) return activations;
  const width = elementsOf(shape);
  const own = width - carriedRows * elementsOf(shape.slice(1));
  const kept = new Float32Array(batch * own);
  for (let row = 0; row < batch; row++) {
    kept.set(activations.subarray(row * width, row * width + own), row * own);
  }
  return kept;
}

/** Shape of one sample at a boundary, without carried rows. */
export function ownShape(bundle: Bundle, stage: number): number[] {
  const { shape, carriedRows = 0 } = stageLayout(bundle.manifest, stage);
  return [(shape[0] as number) - carriedRows, ...shape.slice(1)];
}

/** How the activation at a boundary is a map; `null` if it is none. */
export function ownMap(bundle: Bundle, stage: number): CodecDesign['map'] | null {
  const shape = ownShape(bundle, stage);
  return mapOf({ shape, layout: layoutOf(bundle, shape) });
}
