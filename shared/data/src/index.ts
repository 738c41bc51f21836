export { alignLabels } from './align-labels.js';
export { type Dataset, fittedFrom, type PictureDataset, type SampleValues } from './dataset.js';
export { type Normaliser, normalise, normaliserFor } from './normalise.js';
export { openDataset, openInputs } from './open-dataset.js';
export { fitPicture, pictureChannels } from './pictures/fit-picture.js';
export { PictureDecoder, type PictureDecoderOptions } from './pictures/picture-decoder.js';
export { preprocess } from './pictures/preprocess.js';
export type { Split } from './split.js';
export { subsetOf, withoutLabels } from './subset.js';
