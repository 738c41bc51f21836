import type { InputSpecification } from '@offramp/bundle';
import { describe, expect, it } from 'vitest';
import { fitPicture, pictureChannels } from './fit-picture.js';
import { preprocess } from './preprocess.js';

const colour: InputSpecification = {
  shape: [3, 1, 2],
  preprocessing: { mean: [0, 0.5, 1], std: [1, 0.5, 0.25] },
};

const closeTo = (value: number) => expect.closeTo(value, 6);

describe('preprocess', () => {
  it('gives channels first, each by its own mean and deviation', async () => {
    const pixels = Uint8Array.of(0, 0, 0, 255, 255, 51);
    const values = await preprocess({ pixels, height: 1, width: 2, channels: 3 }, colour);
    // (pixel / 255 − mean) / std: red 0, 1; green 0, 1; blue 0, 0.2
    expect([...values]).toEqual([0, 1, -1, 1, -4, closeTo(-3.2)]);
  });

  it('makes a grey picture fit a colour model, and the other way round', async () => {
    const grey = { pixels: Uint8Array.of(0, 255), height: 1, width: 2, channels: 1 as const };
    expect([...(await preprocess(grey, colour))]).toEqual([0, 1, -1, 1, -4, 0]);
    const one: InputSpecification = { shape: [1, 1, 1], preprocessing: { mean: [0.5], std: [0.5] } };
    const white = { pixels: new Uint8Array(12).fill(255), height: 2, width: 2, channels: 3 as const };
    expect([...(await preprocess(white, one))]).toEqual([1]);
  });

  it('takes the channels in the model’s order', async () => {
    const pixels = Uint8Array.of(51, 0, 255, 0, 102, 0);
    const preprocessing = { ...colour.preprocessing, channelOrder: 'bgr' as const };
    const input = { ...colour, preprocessing };
    const values = await preprocess({ pixels, height: 1, width: 2, channels: 3 }, input);
    // blue 1, 0 by the first mean; green 0, 0.4 by the second; red 0.2, 0 by the third
    expect([...values]).toEqual([1, 0, -1, closeTo(-0.2), closeTo(-3.2), -4]);
  });

  it('counts mean and deviation in pixels where the scale is raw', async () => {
    const pixels = Uint8Array.of(104, 255, 0);
    const input: InputSpecification = {
      shape: [3, 1, 1],
      preprocessing: { scale: 'raw', channelOrder: 'bgr', mean: [104, 117, 124], std: [1, 2, 4] },
    };
    const values = await preprocess({ pixels, height: 1, width: 1, channels: 3 }, input);
    expect([...values]).toEqual([-104, 69, -5]);
    const grey: InputSpecification = {
      shape: [1, 1, 2],
      preprocessing: { scale: 'raw', mean: [0], std: [1] },
    };
    const picture = { pixels: Uint8Array.of(0, 255), height: 1, width: 2, channels: 1 as const };
    expect([...(await preprocess(picture, grey))]).toEqual([0, 255]);
  });

  const cropped = (height: number, width: number, resize?: number): InputSpecification => ({
    shape: [1, height, width],
    preprocessing: {
      resizeMode: 'fit-crop',
      scale: 'raw',
      mean: [0],
      std: [1],
      ...(resize ? { resize } : {}),
    },
  });

  it('crops the centre of a picture whose shorter side fits', async () => {
    const pixels = Uint8Array.from({ length: 14 }, (_, i) => i);
    const wide = { pixels, height: 2, width: 7, channels: 1 as const };
    // 2.5 pixels over on each side: the even number of them, as torchvision has it.
    expect([...(await preprocess(wide, cropped(2, 2)))]).toEqual([2, 3, 9, 10]);
    const high = { pixels, height: 7, width: 2, channels: 1 as const };
    expect([...(await preprocess(high, cropped(2, 2)))]).toEqual([4, 5, 6, 7]);
    expect([...(await preprocess(high, cropped(1, 2)))]).toEqual([6, 7]);
  });

  it('resizes before it crops', async () => {
    // Three fields of 8×8, of which the outer ones are cut off.
    const pixels = Uint8Array.from(
      { length: 8 * 24 },
      (_, i) => [10, 200, 90][Math.floor((i % 24) / 8)] ?? 0,
    );
    const picture = { pixels, height: 8, width: 24, channels: 1 as const };
    expect([...(await preprocess(picture, cropped(2, 2, 4)))]).toEqual([200, 200, 200, 200]);
    expect([...(await preprocess(picture, cropped(4, 4, 16)))]).toEqual(new Array(16).fill(200));
    const red = Uint8Array.from({ length: 4 * 6 * 3 }, (_, i) => (i % 3 === 0 ? 255 : 0));
    const input: InputSpecification = {
      shape: [3, 1, 1],
      preprocessing: { resizeMode: 'fit-crop', resize: 2, mean: [0, 0, 0], std: [1, 1, 1] },
    };
    expect([...(await preprocess({ pixels: red, height: 4, width: 6, channels: 3 }, input))]).toEqual([
      1, 0, 0,
    ]);
  });

  it('leaves a picture of the right size unchanged', async () => {
    const picture = { pixels: Uint8Array.of(1, 2, 3, 4), height: 2, width: 2, channels: 1 as const };
    expect((await fitPicture(picture, cropped(2, 2))).pixels).toBe(picture.pixels);
  });

  it('refuses a picture that would not fit into memory once resized', async () => {
    const thread = { pixels: new Uint8Array(2 ** 20), height: 1, width: 2 ** 20, channels: 1 as const };
    await expect(preprocess(thread, cropped(32, 32, 100))).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining('1×1048576 with its shorter side resized to 100'),
    });
  });

  it('names the numbers of channels that pictures can have', async () => {
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
