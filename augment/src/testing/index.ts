export {
  declareInput,
  listWeightsAsInputs,
  writeAsFunctions,
  writeWeightsApart,
  writeWeightsAsNodes,
} from '../onnx/testing/exporter-habits.js';
export { branchGraph, loopBody } from '../onnx/testing/inner-graphs.js';
export { type Feature, Layers, type Numbers } from '../onnx/testing/layers.js';
export { addResidualNetwork } from '../onnx/testing/residual-network.js';
export { smallModelBytes } from '../onnx/testing/small-model.js';
export { backboneFiles } from './backbone-files.js';
export { type BrokenOutput, withoutNumbers, writeBrokenExits } from './broken-exits.js';
export {
  convolutionOptions,
  exampleModel,
  examplePictures,
  graphTraining,
  pooledOptions,
  writeSmallBackbone,
} from './example.js';
export { madeUpSamples, madeUpWave } from './made-up-samples.js';
