import { type PictureInput, uint8 } from '@offramp/bundle';

/**
 * The pixels of a fitted picture, height × width × channels with red first, that a model's input was made of.
 * @returns `null` for values that no picture gives
 */
export function pixelsOfInput(values: Float32Array, input: PictureInput): Uint8Array | null {
  const encoded = uint8.encode(values, { shape: input.shape, input });
  if (!encoded) return null;
  const samples = encoded.data;
  const [channels, height, width] = input.shape;
  const area = height * width;
  const pixels = new Uint8Array(samples.length);
  for (let channel = 0; channel < channels; channel++) {
    let to = input.preprocessing.channelOrder === 'bgr' ? channels - 1 - channel : channel;
    for (let i = channel * area; i < (channel + 1) * area; i++) {
      pixels[to] = samples[i] as number;
      to += channels;
    }
  }
  return pixels;
}
