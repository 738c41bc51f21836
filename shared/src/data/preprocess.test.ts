import { describe, expect, it } from 'vitest';
import { type InputSpecification, pictureChannels, preprocess } from './preprocess.js';

const colour: InputSpecification = {
  shape: [3, 1, 2],
  preprocessing: { mean: [0, 0.5, 1], std: [1, 0.5, 0.25] },
};

describe('preprocess', () => {
  it('gives channels first, each by its own mean and deviation', async () => {
    const pixels = Uint8Array.of(0, 0, 0, 255, 255, 51);
    const values = await preprocess({ pixels, height: 1, width: 2, channels: 3 }, colour);
    // (pixel / 255 − mean) / std: red 0, 1; green 0, 1; blue 0, 0.2
    expect([...values]).toEqual([0, 1, -1, 1, -4, expect.closeTo(-3.2, 6)]);
  });

  it('makes a grey picture fit a colour model, and the other way round', async () => {
    const grey = { pixels: Uint8Array.of(0, 255), height: 1, width: 2, channels: 1 as const };
    expect([...(await preprocess(grey, colour))]).toEqual([0, 1, -1, 1, -4, 0]);
    const one: InputSpecification = { shape: [1, 1, 1], preprocessing: { mean: [0.5], std: [0.5] } };
    const white = { pixels: new Uint8Array(12).fill(255), height: 2, width: 2, channels: 3 as const };
    expect([...(await preprocess(white, one))]).toEqual([1]);
  });

  it('says which channels pictures can have', async () => {
    const four: InputSpecification = {
      shape: [4, 1, 1],
      preprocessing: { mean: [0, 0, 0, 0], std: [1, 1, 1, 1] },
    };
    expect(() => pictureChannels(four)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('takes 4 channels'),
      }),
    );
    const picture = { pixels: Uint8Array.of(0), height: 1, width: 1, channels: 1 as const };
    await expect(preprocess(picture, four)).rejects.toThrow('takes 4 channels');
  });
});
