export { alignLabels } from './align-labels.js';
export { type Dataset, fittedFrom } from './dataset.js';
export { openDataset } from './open-dataset.js';
export { fitPicture, pictureChannels } from './pictures/fit-picture.js';
export { PictureDecoder, type PictureDecoderOptions } from './pictures/picture-decoder.js';
export { normalise, pixelNormaliser, preprocess } from './pictures/preprocess.js';
export type { Split } from './split.js';
export { subsetOf, withoutLabels } from './subset.js';
