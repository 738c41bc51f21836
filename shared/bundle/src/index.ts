export { binomialCdf } from './calibration/binomial.js';
export { evaluateThresholds, type ThresholdOutcome } from './calibration/evaluate.js';
export { type CalibrationTable, parseCalibrationTable } from './calibration/table.js';
export {
  type AnsweredSample,
  argMax,
  brokenExitError,
  type CascadeEnd,
  type CascadeSample,
  type PassedSample,
  runStage,
} from './cascade/cascade.js';
export { CascadePool } from './cascade/cascade-pool.js';
export type { EncodedTensor } from './codec/activation-codec.js';
export {
  type CodecChoice,
  codecNamed,
  encodeFirst,
  preferredCodecs,
} from './codec/codec-choice.js';
export {
  checkTensor,
  codecs,
  decodeTensor,
  encodeTensor,
  encodingName,
} from './codec/codecs.js';
export {
  encodingsHeader,
  formatEncodings,
  oldestEncodings,
  parseEncodings,
} from './codec/encodings-header.js';
export { float32 } from './codec/float32.js';
export { learned } from './codec/learned.js';
export {
  maxPictureFileBytes,
  type PictureFile,
  pictureEncoding,
  pictureFileOf,
} from './codec/picture-files.js';
export { pictureOf, stageLayout, type TensorLayout } from './codec/tensor-layout.js';
export { uint8, uint8Deflated } from './codec/uint8.js';
export { Bundle, manifestFileName } from './files/bundle.js';
export {
  type BundleContents,
  checkReplaceable,
  type LearnedCodecContents,
  readBundleContents,
  writeBundle,
} from './files/write-bundle.js';
export { BufferPool } from './inference/buffer-pool.js';
export { CodecSession } from './inference/codec-session.js';
export { createSession } from './inference/create-session.js';
export { InferencePool, type PooledStageOutput } from './inference/inference-pool.js';
export type { SessionOptions } from './inference/session-options.js';
export { type StageRunner, stageTensors } from './inference/stage-runner.js';
export { type CostModel, exitCosts, exitMacs, stageCosts } from './manifest/costs.js';
export { inputKinds, inputProblems } from './manifest/input-schema.js';
export {
  describeInput,
  type InputKind,
  type InputSpecification,
  type PictureInput,
  sampleValues,
  type TensorInput,
} from './manifest/input-specification.js';
export type { LearnedCodecManifest, SymbolTable } from './manifest/learned-codec.js';
export { frequencyBits } from './manifest/learned-codec.js';
export {
  type ActivationCodecManifest,
  type ActivationEncoding,
  type ActivationQuantisation,
  type BranchManifest,
  bodyKinds,
  bodyReductions,
  bundleNameSchema,
  type ExitCriterion,
  exitCriteria,
  type Manifest,
  manifestSchema,
  maxBundleNameLength,
  maxLabelLength,
  type PictureCodecManifest,
  type PictureForm,
  parseManifest,
} from './manifest/manifest.js';
export {
  channelOrders,
  maxResize,
  meanSchema,
  type Preprocessing,
  pixelScales,
  resizeModes,
  stdSchema,
} from './manifest/preprocessing.js';
export {
  type SentActivation,
  type SentInput,
  sentActivation,
  sentInputName,
  smallestInput,
  usualInput,
} from './manifest/sent-tensors.js';
export {
  type TensorPreprocessing,
  tensorMeanSchema,
  tensorStdSchema,
} from './manifest/tensor-preprocessing.js';
export { offloadBytes } from './plan/offload-bytes.js';
export {
  type Link,
  type PlanInput,
  planSplits,
  recommendSplit,
  type SplitPlan,
} from './plan/split-plan.js';
export { elementsOf, expectShape, formatShape, maxSampleElements, sameShape } from './shape.js';
