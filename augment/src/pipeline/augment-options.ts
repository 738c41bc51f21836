import type { Bundle, ExitCriterion, ThresholdOutcome } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import type { BranchTrainer, ProgressListener } from '../branches/branch-trainer.js';
import type { HeldOutProof } from '../calibrate/held-out-proof.js';
import type { CheckpointOptions } from '../checkpoint/training-checkpoint.js';
import type { CodecMode } from '../codec/learn-codec.js';
import type { EffortEstimate } from '../effort/recipe.js';
import type { Augmentation } from '../pictures/augmentation.js';
import type { DesignOptions } from './design-branches.js';
import type { InputPreprocessing } from './model-input.js';

export interface AugmentOptions extends DesignOptions {
  name: string;
  criterion: ExitCriterion;
  /** What branches learn to answer: what the backbone does, or the true label. */
  targets: 'backbone' | 'labels';
  epochs: number;
  /** Share (below 1) or number of pictures kept from training. Unused with `calibration`. */
  holdOut: number;
  /** Other pictures to fit confidence heads and choose thresholds on; then all of `dataset` is for training. */
  calibration: Dataset | null;
  /** `null`: none for tensors, {@link usualPreprocessing} for pictures. */
  preprocessing: InputPreprocessing;
  /** One per class; `null`: the data's class names, else the class numbers. */
  labels: readonly string[] | null;
  /** Agreement with the backbone that the thresholds, and with the placement `auto` the branches, are chosen for. */
  agreement: number;
  /** Expected cost, as a share of the backbone's, that the thresholds are chosen for instead. */
  cost?: number | undefined;
  /** Probability of missing either. */
  delta: number;
  /** A device runs as many stages as stay within this share of the backbone's cost. At least one. */
  deviceCost: number;
  /** Where codecs are learned for what devices send. */
  codec: CodecMode;
  /** How a codec's training samples are varied. Default: not. */
  augmentation?: Augmentation;
  seed: number;
  /** Time for all of the work: with less than it takes, there are fewer pictures and epochs. */
  minutes?: number | undefined;
  /** Told, before the long part of a long training, what it is about to take, after a short one on a few pictures. */
  onEstimate?: (estimate: EffortEstimate) => void;
  /** Memory that the process may take. Default: {@link defaultMemoryBytes}. */
  memoryBytes?: number;
  /**
   * Told, before the training, what the held-out pictures can prove of the agreement.
   * @param heldOut pictures to hold out for as many as are needed: a trial uses some
   */
  onHeldOut?: (proof: HeldOutProof, heldOut: number) => void;
  /** Told, before the training, what was asked for and is not there. */
  onRemark?: (remark: string) => void;
  trainer: BranchTrainer;
  /** For the placement `auto`: trains the candidate branches. Default: `trainer`. */
  trialTrainer?: BranchTrainer;
  /** The trainer's options, for the bundle's provenance. */
  trainerOptions?: Readonly<Record<string, string | number | boolean>>;
  progress: ProgressListener;
  /** Ends the work with `INTERRUPTED`; what is at `out` stays as it was. */
  signal?: AbortSignal;
  /** Where given, a training that ends early leaves a checkpoint beside `out` (`checkpointPathOf`). */
  checkpoint?: CheckpointOptions;
}

export interface AugmentResult {
  bundle: Bundle;
  /** At the chosen thresholds, on the held-out pictures. */
  outcome: ThresholdOutcome;
  /** Of the backbone on the held-out pictures; `null` without labels. */
  backboneAccuracy: number | null;
  /** The agreement that the held-out pictures prove for as many new ones, with certainty 1 − `delta`. */
  provenAgreement: number;
  /** How many different answers the backbone gives for the held-out pictures. */
  differentAnswers: number;
}
