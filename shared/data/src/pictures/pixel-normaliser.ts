import { type PictureInput, sampleValues } from '@offramp/bundle';

/**
 * Writes (pixel / 255 − mean) / std, or (pixel − mean) / std, per channel, channels first, in the model's order.
 * @returns takes the pixels of a fitted picture, and where to write to
 */
export function pixelNormaliser(
  input: PictureInput,
): (pixels: ArrayLike<number>, target: Float32Array, offset: number) => void {
  const [channels, height, width] = input.shape;
  const { channelOrder } = input.preprocessing;
  const area = height * width;
  const valuesOf = sampleValues(input);
  return (pixels, target, offset) => {
    for (let channel = 0; channel < channels; channel++) {
      const values = valuesOf[channel] as Float32Array;
      const start = offset + channel * area;
      let from = channelOrder === 'bgr' ? channels - 1 - channel : channel;
      for (let i = 0; i < area; i++) {
        target[start + i] = values[pixels[from] as number] as number;
        from += channels;
      }
    }
  };
}
