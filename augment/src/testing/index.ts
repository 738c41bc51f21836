export { backboneFiles } from './backbone-files.js';
export { type BrokenOutput, withoutNumbers, writeBrokenExits } from './broken-exits.js';
export {
  convolutionOptions,
  exampleModel,
  examplePictures,
  graphTraining,
  pooledOptions,
} from './example.js';
