/**
 * The largest picture file that is sent as a camera made it: 4 megapixels. Decoding it takes tens of milliseconds. The
 * same number is in `proto/offramp/v1/offload.proto`.
 */
export const maxSourcePixels = 4 * 2 ** 20;
