export { alignLabels } from './align-labels.js';
export {
  type Dataset,
  type FittedSample,
  fittedFrom,
  type PictureDataset,
  type SampleValues,
} from './dataset.js';
export { type Normaliser, normalise, normaliserFor } from './normalise.js';
export { openDataset, openInputs, pictureForms, tensorForms } from './open-dataset.js';
export { fittedFromFile } from './packing/fitted-from-file.js';
export { isLosslessPacking, type Packing, packPicture } from './packing/pack-picture.js';
export { pixelsOfInput } from './packing/pixels-of-input.js';
export { repackPicture } from './packing/repack-picture.js';
export { fitPicture, pictureChannels } from './pictures/fit-picture.js';
export { PictureDecoder, type PictureDecoderOptions } from './pictures/picture-decoder.js';
export { preprocess } from './pictures/preprocess.js';
export type { Split } from './split.js';
export { subsetOf, withoutLabels } from './subset.js';
