export { GraphBuilder } from './autodiff/graph-builder.js';
export { TrainingStep } from './autodiff/training-step.js';
export type { ProgressListener } from './branches/branch-trainer.js';
export { placeBranches } from './branches/placement.js';
export {
  bodiesOf,
  trainerFacts,
  trainerFor,
  trainingOptions,
  trialTrainerFor,
} from './branches/training-config.js';
export { type CalibrateOptions, calibrateBundle } from './calibrate/calibrate-bundle.js';
export { defaultAllowedLoss } from './calibrate/choose-codecs.js';
export { evaluateBundle } from './calibrate/evaluate-bundle.js';
export type { HeldOutProof } from './calibrate/held-out-proof.js';
export { refitConfidence } from './calibrate/refit-confidence.js';
export { checkpointPathOf, codecCheckpointPathOf } from './checkpoint/training-checkpoint.js';
export type { EffortEstimate } from './effort/recipe.js';
export { branchProblem } from './inspect/branch-outlook.js';
export {
  inputChoiceOptions,
  inputShapeSchema,
  inspectConfig,
  outputSchema,
} from './inspect/inspect-config.js';
export { type Backbone, loadBackbone } from './inspect/load-backbone.js';
export { GraphEditor } from './onnx/graph-editor.js';
export type { BackboneProfile } from './onnx/profile.js';
export { writeModel } from './onnx/write-model.js';
export { augmentBackbone } from './pipeline/augment-backbone.js';
export type { AugmentOptions, AugmentResult } from './pipeline/augment-options.js';
export { distinctCutPoints } from './pipeline/design-branches.js';
export { splitHoldOut } from './pipeline/hold-out.js';
export { type InputPreprocessing, inputOf, usualPreprocessing } from './pipeline/model-input.js';
export { planBundle } from './plan/plan-bundle.js';
export {
  buildReport,
  type FindingGrade,
  measureExitTimes,
  type PolicyOutcome,
  prepareReportFolder,
  type Report,
  thisMachine,
  writeReport,
} from './report/index.js';
