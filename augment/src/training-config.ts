import { bodyKinds, bodyReductions, exitCriteria, OfframpError } from '@offramp/shared';
import { z } from 'zod';
import type { BranchBody } from './branches/body.js';
import { type BranchTrainer, reuseKinds } from './branches/branch-trainer.js';
import { lossKinds } from './branches/losses.js';
import { placements } from './branches/placement.js';
import { trainGraphBranches } from './branches/train-graph-branches.js';
import { pooledBytes, trainPoolBranches } from './branches/train-pool-branches.js';

const unit = z.number().min(0).max(1);

/** The options of `offramp augment` that say what branches are and how they learn. */
export const trainingOptions = {
  branches: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(6)
    .describe('Branches to attach; with --placement auto, at most'),
  placement: z
    .enum(['auto', ...placements])
    .default('auto')
    .describe(
      "Where branches go: auto tries them all over the backbone and keeps those that pay; the others spread them over its cost by PTEENet's rules",
    ),
  cutPoints: z.array(z.string().min(1)).optional().meta({
    description: 'Where the branches go, instead of --branches and --placement',
    fallback: 'by placement',
  }),
  body: z
    .enum(['auto', ...bodyKinds])
    .default('auto')
    .describe(
      'What stands before the heads: pooling alone, or that many blocks of convolution before it; auto is conv3, or conv2 where --placement auto finds that it pays',
    ),
  reduce: z
    .enum(bodyReductions)
    .default('pool')
    .describe('How the first block of convolution halves the sides, to cost less'),
  grid: z.number().int().min(1).max(16).optional().meta({
    description: 'Positions per side that are left before the heads',
    fallback: '4 for pooling alone, else 2',
  }),
  reuse: z
    .enum(reuseKinds)
    .default('linear')
    .describe(
      'What a branch makes of what the exit before answered: nothing, a further input, or the geometric mean with its own answer',
    ),
  criterion: z
    .enum(exitCriteria)
    .default('confidence')
    .describe('What an exit compares with its threshold: the confidence head, or its softmax'),
  targets: z
    .enum(['backbone', 'labels'])
    .default('backbone')
    .describe('What branches learn to answer: what the backbone does, or the true label'),
  confidence: z
    .enum(['held-out', 'joint'])
    .default('held-out')
    .describe('Where confidence heads are trained: on held-out pictures, or along with the class heads'),
  loss: z
    .enum(lossKinds)
    .default('separate')
    .describe('Each head by itself, or the joint losses of PTEENet; for bodies of convolution'),
  lambda: z.number().min(0).default(0.5).describe('Weight of the cost in the joint losses'),
  distillation: unit.default(0.5).describe('Share of distillation in the loss of class heads'),
  temperature: z.number().min(0.1).max(100).default(2).describe('Softens both sides of the distillation'),
  reachFloor: unit
    .default(1)
    .describe('Weight in the loss of samples that the exits before are sure of; 1 weighs all alike'),
  epochs: z
    .number()
    .int()
    .min(0)
    .max(1000)
    .default(6)
    .describe('Passes over the training pictures; 0 leaves the class heads untrained'),
  batchSize: z.number().int().min(8).max(4096).default(128).describe('Pictures per step of training'),
  learningRate: z.number().positive().max(1).default(3e-3).describe('At its highest'),
  weightDecay: z.number().min(0).max(1).default(1e-2).describe('Pulls weights towards 0, as in AdamW'),
  flip: z.boolean().default(false).describe('Mirror half of the training pictures, other ones each epoch'),
  crop: z
    .number()
    .int()
    .min(0)
    .max(1024)
    .default(0)
    .describe('Shift training pictures by up to so many pixels; other shifts each epoch'),
  seed: z.number().int().default(1).describe('Seed of everything random'),
};

export type TrainingOptions = z.infer<z.ZodObject<typeof trainingOptions>>;

/** What branches may be made of: the first, or with the placement `auto` whichever pays. */
export function bodiesOf({ body, placement, grid, reduce }: TrainingOptions): BranchBody[] {
  const kinds =
    body !== 'auto' ? [body] : placement === 'auto' ? (['conv3', 'conv2'] as const) : (['conv3'] as const);
  return kinds.map((kind) => ({
    kind,
    grid: grid ?? (kind === 'pool' ? 4 : 2),
    reduce: kind === 'pool' ? 'none' : reduce,
  }));
}

/**
 * What trains the branches that `auto` tries. They do not know of each other, so each learns for itself.
 */
export function trialTrainerFor(options: TrainingOptions): BranchTrainer {
  const apart = { loss: 'separate', confidence: 'held-out', reuse: 'none', reachFloor: 1 } as const;
  // Candidates are many: half the pictures a step make room for twice the steps.
  return trainerFor({ ...options, ...apart, batchSize: Math.ceil(options.batchSize / 2) });
}

/** How branches learn, for the record: what {@link trainerFor} makes use of. */
export function trainerFacts(options: TrainingOptions): Record<string, string | number | boolean> {
  const { body, reduce, grid, confidence, loss, lambda, distillation, temperature, reachFloor } = options;
  const { batchSize, learningRate, weightDecay, flip, crop } = options;
  return {
    ...{ body, reduce, ...(grid === undefined ? {} : { grid }), confidence, loss },
    ...(loss === 'separate' ? { distillation, temperature, reachFloor } : { lambda }),
    ...{ batchSize, learningRate, weightDecay, flip, crop },
  };
}

/** Pooled activations may take so much memory; what would take more is trained by gradients, which keeps none. */
const maxPooledBytes = 2 ** 30;

/**
 * The trainer for these options: pooling alone is trained in one pass of the backbone, all else by gradients.
 * @throws OfframpError `CONFIG_INVALID` for options that the trainer does not have
 */
export function trainerFor(options: TrainingOptions): BranchTrainer {
  const { body, reuse, loss, confidence, flip, crop } = options;
  const { kind, lambda, distillation, temperature, reachFloor } = { ...options, kind: loss };
  const joint = loss !== 'separate';
  if (joint && confidence !== 'joint') {
    throw new OfframpError('CONFIG_INVALID', `--loss ${loss}: expected --confidence joint with it`, {
      hint: 'The joint losses train class and confidence heads together.',
    });
  }
  const pooledOnly = body === 'pool' && reuse === 'none' && !flip && crop === 0 && confidence === 'held-out';
  const byGradients = trainGraphBranches({
    loss: { kind, lambda, distillation, temperature, reachFloor },
    batchSize: options.batchSize,
    learningRate: options.learningRate,
    weightDecay: options.weightDecay,
    confidence,
    augmentation: { flip, crop },
  });
  if (!pooledOnly) return byGradients;
  return (task) => (pooledBytes(task) <= maxPooledBytes ? trainPoolBranches(task) : byGradients(task));
}
