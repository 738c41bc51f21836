import type { BranchManifest, Dataset, ExitCriterion, InputSpecification } from '@offramp/shared';
import type { TrainingCheckpoint } from '../checkpoint/training-checkpoint.js';
import type { GraphEditor } from '../onnx/graph-editor.js';
import type { BackboneProfile, CutPoint } from '../onnx/profile.js';
import type { BranchBody } from './body.js';
import type { ExitOutputs } from './heads.js';

/**
 * What a branch makes of what the exit before answered (Zero Time Waste, arXiv 2106.05409):
 * - `linear`: its class head sees the logarithms of those probabilities beside its own features.
 * - `geometric`: the answer is the geometric mean of both, weighted by a trained exponent.
 */
export const reuseKinds = ['none', 'linear', 'geometric'] as const;
export type Reuse = (typeof reuseKinds)[number];

/** Where a branch goes and what it is made of. */
export interface BranchDesign {
  cutPoint: CutPoint;
  body: BranchBody;
  /** The first branch has `none`. */
  reuse: Reuse;
}

/** What a trainer gets to work with. */
export interface TrainingTask {
  backbone: BackboneProfile;
  /** In the order of their cut points. */
  designs: readonly BranchDesign[];
  input: InputSpecification;
  /** Pictures to train on … */
  training: Dataset;
  /** … and pictures that the backbone and the class heads must not have learned from. */
  heldOut: Dataset;
  /** The backbone's own answer or the true label, per training picture; `null`: the backbone's. */
  targets: readonly number[] | null;
  criterion: ExitCriterion;
  epochs: number;
  seed: number;
  progress: ProgressListener;
  /** Ends the training where it stands: with `INTERRUPTED`. */
  signal?: AbortSignal;
  /** For trainers that take long enough: what to go on from, and where to leave it for another run. */
  checkpoint?: TrainingCheckpoint;
}

/** A branch that is ready to be attached. */
export interface TrainedBranch extends Omit<BranchManifest, 'cutPoint'> {
  /**
   * Appends the branch to a stage's graph.
   * @param tensor the activation at the cut point
   * @param previous probabilities of the exit before, batch × classes; `null` unless the branch has `reuse`
   */
  attach(editor: GraphEditor, tensor: string, previous: string | null, outputs: ExitOutputs): void;
  /**
   * Per held-out sample, in order. No confidence may come from a head that was fitted on its sample, so
   * that thresholds chosen on them hold on new ones.
   */
  heldOut: { label: Uint16Array; confidence: Float32Array };
}

export interface TrainingResult {
  /** One per design. */
  branches: TrainedBranch[];
  /** The backbone's own answer per held-out sample. */
  heldOutLabels: Uint16Array;
}

/** One way to train branches on a frozen backbone. */
export type BranchTrainer = (task: TrainingTask) => Promise<TrainingResult>;

/** Hears how far a long job has come. */
export interface ProgressListener {
  /** A step begins; it will count up to `total`, from `done` where it was begun before. */
  step(title: string, total: number, done?: number): void;
  /** @param note what to show beside the count, such as the loss */
  advance(by: number, note?: string): void;
}
