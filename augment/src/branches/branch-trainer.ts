import type { BranchManifest, Dataset, InputSpecification } from '@offramp/shared';
import type { GraphEditor } from '../onnx/graph-editor.js';
import type { BackboneProfile, CutPoint } from '../onnx/profile.js';

/** Where a branch goes and what stands before its heads. */
export interface BranchDesign {
  cutPoint: CutPoint;
  body: BranchManifest['body'];
}

/** What a trainer gets to work with. */
export interface TrainingTask {
  backbone: BackboneProfile;
  /** In the order of their cut points. */
  designs: readonly BranchDesign[];
  dataset: Dataset;
  input: InputSpecification;
  /** Indices of the pictures to train on … */
  training: readonly number[];
  /** … and of those that the backbone and the class heads must not have learned from. */
  heldOut: readonly number[];
  epochs: number;
  seed: number;
  progress: ProgressListener;
}

/** A branch that is ready to be attached. */
export interface TrainedBranch {
  body: BranchManifest['body'];
  /** Multiply-accumulates for one sample. */
  macs: number;
  parameters: number;
  /**
   * Appends the branch to a stage's graph.
   * @param tensor the activation at the cut point
   * @param outputs the names to give: `probabilities` (batch × classes) and `confidence` (batch)
   */
  attach(editor: GraphEditor, tensor: string, outputs: { probabilities: string; confidence: string }): void;
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
  /** A step begins; it will count up to `total`. */
  step(title: string, total: number): void;
  /** @param note what to show beside the count, such as the loss */
  advance(by: number, note?: string): void;
}
