import type { BranchManifest, ExitCriterion, InputSpecification } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import type { TrainingCheckpoint } from '../checkpoint/training-checkpoint.js';
import type { MemoryPlan } from '../effort/memory-plan.js';
import type { GraphEditor } from '../onnx/graph-editor.js';
import type { BackboneProfile, CutPoint } from '../onnx/profile.js';
import type { BranchBody } from './body.js';
import type { ExitOutputs } from './heads.js';

/**
 * How a branch uses the previous exit's answer (Zero Time Waste, arXiv 2106.05409):
 * - `linear`: its class head gets the logarithms of those probabilities besides its own features.
 * - `geometric`: the answer is the geometric mean of both, weighted by a trained exponent.
 */
export const reuseKinds = ['none', 'linear', 'geometric'] as const;
export type Reuse = (typeof reuseKinds)[number];

/** Place and structure of a branch. */
export interface BranchDesign {
  cutPoint: CutPoint;
  body: BranchBody;
  /** The first branch has `none`. */
  reuse: Reuse;
}

/** The input of a trainer. */
export interface TrainingTask {
  backbone: BackboneProfile;
  /** In the order of their cut points. */
  designs: readonly BranchDesign[];
  input: InputSpecification;
  /** Pictures to train on … */
  training: Dataset;
  /** … and pictures that neither the backbone nor the class heads were trained on. */
  heldOut: Dataset;
  /** The backbone's own answer or the true label, per training picture; `null`: the backbone's. */
  targets: readonly number[] | null;
  criterion: ExitCriterion;
  epochs: number;
  /** Training pictures of each epoch, other ones every time. */
  picturesPerEpoch: number;
  seed: number;
  memory: MemoryPlan;
  progress: ProgressListener;
  /** Only its time counts, so any result is good. */
  isRehearsal?: true;
  /** Aborts the training with `INTERRUPTED`. */
  signal?: AbortSignal;
  /** For long trainings: the state to resume from, and where to save it. */
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
   * Per held-out sample, in order. No confidence may be from a head that was fitted on its sample, so
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

/** Receives the progress of a long job. */
export interface ProgressListener {
  /** Starts a step that counts up to `total`, from `done` if it was begun earlier. */
  step(title: string, total: number, done?: number): void;
  /** @param note what to show beside the count, such as the loss */
  advance(by: number, note?: string): void;
}
