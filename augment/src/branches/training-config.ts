import { bodyKinds, bodyReductions, exitCriteria } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import { z } from 'zod';
import type { TrainingFacts } from '../checkpoint/checkpoint-file.js';
import { codecModes } from '../codec/learn-codec.js';
import type { BranchBody } from './body.js';
import { type BranchTrainer, reuseKinds } from './branch-trainer.js';
import { lossKinds } from './losses.js';
import { placements } from './placement.js';
import { trainGraphBranches } from './train-graph-branches.js';
import { pooledBytes, trainPoolBranches } from './train-pool-branches.js';

const unit = z.number().min(0).max(1);

/** The options of `offramp augment` for the branches and their training. */
export const trainingOptions = {
  branches: z
    .number()
    .int()
    .min(0)
    .max(64)
    .default(6)
    .describe('Branches to attach, at most; 0: none, so that the bundle is the whole model as one stage'),
  placement: z
    .enum(['auto', ...placements])
    .default('auto')
    .describe(
      "Where branches go: auto tries branches at all depths and keeps those that lower the cost; the others spread them over the backbone's cost by PTEENet's rules",
    ),
  cutPoints: z.array(z.string().min(1)).optional().meta({
    description: 'Where the branches go, instead of --branches and --placement',
    fallback: 'by placement',
  }),
  body: z
    .enum(['auto', ...bodyKinds])
    .default('auto')
    .describe(
      'Layers before the heads: pooling alone, or after this many blocks of convolution; auto is conv3, or conv2 if --placement auto finds it cheaper; conv2 or pool where others cost more than they can save',
    ),
  reduce: z
    .enum(bodyReductions)
    .default('pool')
    .describe('How the first block of convolution halves the sides, to cost less'),
  grid: z.number().int().min(1).max(16).optional().meta({
    description: 'Positions per side that remain before the heads',
    fallback: '4 for pooling alone, else 2',
  }),
  reuse: z
    .enum(reuseKinds)
    .default('linear')
    .describe(
      'How a branch uses the answer of the previous exit: not at all, as a further input, or in a geometric mean with its own',
    ),
  criterion: z
    .enum(exitCriteria)
    .default('confidence')
    .describe('What an exit compares with its threshold: the confidence head, or its softmax'),
  targets: z
    .enum(['backbone', 'labels'])
    .default('backbone')
    .describe("What branches learn to answer: the backbone's answer, or the true label"),
  confidence: z
    .enum(['held-out', 'joint'])
    .default('held-out')
    .describe('How confidence heads are trained: on held-out samples, or together with the class heads'),
  loss: z
    .enum(lossKinds)
    .default('separate')
    .describe('A separate loss per head, or the joint losses of PTEENet; for bodies of convolution'),
  lambda: z.number().min(0).default(2).describe('Weight of the cost in the joint losses'),
  distillation: unit.default(0.5).describe('Share of distillation in the loss of class heads'),
  temperature: z.number().min(0.1).max(100).default(2).describe('Softens both sides of the distillation'),
  reachFloor: unit
    .default(1)
    .describe(
      'Weight in the loss of samples on which earlier exits are confident; 1 weights all samples equally',
    ),
  epochs: z
    .number()
    .int()
    .min(0)
    .max(1000)
    .default(6)
    .describe('Passes over the training samples; 0 leaves the class heads untrained'),
  batchSize: z.number().int().min(8).max(4096).default(128).describe('Samples per step of training'),
  learningRate: z.number().positive().max(1).default(3e-3).describe('Peak learning rate'),
  weightDecay: z.number().min(0).max(1).default(1e-2).describe('Pulls weights towards 0, as in AdamW'),
  flip: z
    .boolean()
    .default(false)
    .describe('Mirror a random half of the training pictures, chosen again each epoch'),
  crop: z
    .number()
    .int()
    .min(0)
    .max(1024)
    .default(0)
    .describe('Shift training pictures by up to this many pixels, at random each epoch'),
  codec: z
    .enum(codecModes)
    .default('quantised')
    .describe(
      'What devices send at the default boundary: quantised values, or the code of a trained encoder, whose training takes about as long as that of the branches. auto uses it if fewer bytes are sent for the same agreement at a bounded cost, learned whenever the agreement is reached',
    ),
  seed: z.number().int().default(1).describe('Seed of everything random'),
};

export type TrainingOptions = z.infer<z.ZodObject<typeof trainingOptions>>;

/** Candidate branch bodies: the first that pays, or with the placement `auto` the cheapest. */
export function bodiesOf({
  body,
  grid,
  reduce,
}: Pick<TrainingOptions, 'body' | 'grid' | 'reduce'>): BranchBody[] {
  const kinds = body === 'auto' ? (['conv3', 'conv2', 'pool'] as const) : [body];
  return kinds.map((kind) => ({
    kind,
    grid: grid ?? (kind === 'pool' ? 4 : 2),
    reduce: kind === 'pool' ? 'none' : reduce,
  }));
}

/**
 * The trainer of the branches that `auto` tries. They are trained independently of each other.
 */
export function trialTrainerFor(options: TrainingOptions): BranchTrainer {
  const independent = { loss: 'separate', confidence: 'held-out', reuse: 'none', reachFloor: 1 } as const;
  // There are many candidates, and half the batch size allows twice the steps.
  return trainerFor({ ...options, ...independent, batchSize: Math.ceil(options.batchSize / 2) });
}

/** The options that {@link trainerFor} uses, for the bundle's provenance. */
export function trainerFacts(options: TrainingOptions): TrainingFacts {
  const { body, reduce, grid, confidence, loss, lambda, distillation, temperature, reachFloor } = options;
  const { batchSize, learningRate, weightDecay, flip, crop } = options;
  return {
    ...{ body, reduce, ...(grid === undefined ? {} : { grid }), confidence, loss },
    ...{ distillation, temperature },
    ...(loss === 'separate' ? { reachFloor } : { lambda }),
    ...{ batchSize, learningRate, weightDecay, flip, crop },
  };
}

/**
 * The trainer for these options: bodies of pooling alone need one pass of the backbone, others are trained by gradients.
 * @throws OfframpError `CONFIG_INVALID` for options that the trainer does not support
 */
export function trainerFor(options: TrainingOptions): BranchTrainer {
  const { body, reuse, loss, confidence, flip, crop } = options;
  const { kind, lambda, distillation, temperature, reachFloor } = { ...options, kind: loss };
  const joint = loss !== 'separate';
  if (joint && confidence !== 'joint') {
    throw new OfframpError('CONFIG_INVALID', `--loss ${loss} requires --confidence joint`, {
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
  // Larger tasks are trained by gradients, which keeps no activations.
  return (task) => (pooledBytes(task) <= task.memory.features ? trainPoolBranches(task) : byGradients(task));
}
