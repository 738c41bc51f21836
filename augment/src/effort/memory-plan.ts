import { elementsOf } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import type { BackboneProfile } from '../onnx/profile.js';

/** Of the whole process. */
export const defaultMemoryBytes = 2 * 2 ** 30;

/** The program itself: Node.js, ONNX Runtime, the heap, and buffers that wait for the garbage collector. */
export const programBytes = 512 * 2 ** 20;
/** How often the weights are in memory when a session loads: as read, as written for it, and as it keeps them. */
const weightCopies = 4;
/** A run takes this much more than its tensors: copies in the layouts of kernels, and gaps. */
export const runOverhead = 1.5;

/** Shares of what program and weights leave. */
const shares = { backboneRun: 0.25, step: 0.4, pictures: 0.2, features: 0.5 } as const;
/** More samples a run make it no faster. */
const mostSamples = 128;

/** How the memory of one run of `augment` is divided. Bytes. */
export interface MemoryPlan {
  total: number;
  program: number;
  /** Copies of the backbone's weights. */
  weights: number;
  /** Samples that the backbone runs at a time. */
  backboneBatch: number;
  /** What they take. */
  backboneRun: number;
  /** Limit for a step of training. */
  step: number;
  /** Limit for training pictures that are kept decoded. */
  pictures: number;
  /** Limit for pooled activations, of trainings that keep them instead of pictures and steps. */
  features: number;
}

/** @throws OfframpError `CONFIG_INVALID` where the model does not fit */
export function planMemory(
  { model, input, parameters, samplePeakBytes, cutPoints }: MemoryModel,
  total: number,
): MemoryPlan {
  const weights = 4 * weightCopies * parameters;
  const sample = runOverhead * samplePeakBytes + 8 * elementsOf(input.shape) + largestOf(cutPoints);
  const free = total - programBytes - weights;
  const fitting = Math.floor((shares.backboneRun * free) / sample);
  if (fitting < 1) {
    const least = programBytes + weights + sample / shares.backboneRun;
    throw new OfframpError(
      'CONFIG_INVALID',
      `--memory: expected at least ${mebibytes(least)} for ${model.where}; found ${mebibytes(total)}`,
    );
  }
  const backboneBatch = Math.min(mostSamples, fitting);
  return {
    ...{ total, program: programBytes, weights, backboneBatch },
    backboneRun: Math.ceil(backboneBatch * sample),
    step: Math.floor(shares.step * free),
    pictures: Math.floor(shares.pictures * free),
    features: Math.floor(shares.features * free),
  };
}

type MemoryModel = Pick<BackboneProfile, 'model' | 'input' | 'parameters' | 'samplePeakBytes' | 'cutPoints'>;

function largestOf(cutPoints: BackboneProfile['cutPoints']): number {
  return 4 * Math.max(0, ...cutPoints.map(({ shape }) => elementsOf(shape)));
}

export const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
