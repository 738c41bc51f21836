import { type Bundle, elementsOf, InferencePool } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { systemClock } from '@offramp/runtime';
import { type CheckpointOptions, TrainingCheckpoint } from '../checkpoint/training-checkpoint.js';
import { boundaryOf } from './boundary.js';
import { type LearnedCandidate, learnedCandidates } from './learned-candidates.js';
import { type CodecTrainingOptions, trainCodec } from './train-codec.js';

/** What devices send: the code of a learned codec where it takes fewer bytes, wherever one can be learned, or nowhere. */
export const codecModes = ['auto', 'learned', 'quantised'] as const;
export type CodecMode = (typeof codecModes)[number];

/** Fewer elements are sent in so few bytes that no decoder pays. */
const leastElements = 512;
/** Samples drawn for each one of a pass over the data, so that a codec takes no longer than branches. */
const drawnShare = 0.4;

export interface LearnCodecOptions
  extends Pick<CodecTrainingOptions, 'seed' | 'augmentation' | 'progress' | 'signal' | 'memory'> {
  /** Passes over the data of a training of branches that it takes as long as. */
  epochs: number;
  /** Where given, a training that ends early leaves a checkpoint at this path. */
  checkpoint?: CheckpointOptions & { path: string };
}

/** Whether a codec is learned for the default boundary of a bundle. */
export function learnsCodec({ manifest, branches }: Bundle, mode: CodecMode): boolean {
  const { deviceStages, stages } = manifest;
  if (mode === 'quantised' || deviceStages > branches) return false;
  return mode === 'learned' || elementsOf(stages[deviceStages]?.inputShape ?? []) >= leastElements;
}

/**
 * Trains a codec for a boundary of a bundle.
 * @param stage the first one beyond the boundary
 * @param dataset samples to train on
 * @returns the codec at several steps of its quantiser; empty where an encoder would cost too much
 * @throws OfframpError `TRAINING_FAILED`, `INTERRUPTED`, `IMAGE_INVALID`, `DATA_INVALID`, `INFERENCE_FAILED`,
 *   `OUTPUT_FAILED`; with `checkpoint` also `FILE_NOT_FOUND`, `CHECKPOINT_INVALID`, `CONFIG_INVALID`
 */
export async function learnCodec(
  bundle: Bundle,
  stage: number,
  dataset: Dataset,
  { epochs, checkpoint: options, ...training }: LearnCodecOptions,
): Promise<LearnedCandidate[]> {
  const boundary = boundaryOf(bundle, stage);
  if (!boundary) return [];
  const drawn = Math.ceil(epochs * drawnShare * dataset.size);
  const train = async (checkpoint?: TrainingCheckpoint) => {
    const trained = await trainCodec(boundary, dataset, {
      ...{ ...training, drawn },
      ...(checkpoint ? { checkpoint } : {}),
    });
    const pool = await InferencePool.create(bundle);
    try {
      return await learnedCandidates(trained, pool, dataset, training.seed, training.memory?.backboneBatch);
    } finally {
      await pool.close();
    }
  };
  if (!options) return train();
  const { seed, augmentation } = training;
  const facts = {
    ...{ boundary: stage, drawn, seed, ...augmentation },
    ...{ design: JSON.stringify(boundary.design), data: dataset.description, samples: dataset.size },
    thresholds: bundle.manifest.policy.thresholds.join(' '),
  };
  const checkpoint = new TrainingCheckpoint(options.path, facts, options, systemClock);
  return checkpoint.protect(() => train(checkpoint));
}
