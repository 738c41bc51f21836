import { fileURLToPath } from 'node:url';
import { type Dataset, OfframpError } from '@offramp/shared';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { augmentBackbone } from './augment-backbone.js';
import { bodiesOf, trainerFor, trainingOptions } from './training-config.js';

const model = fileURLToPath(
  new URL('../../examples/fashion-mnist/model/fashion-resnet56.onnx', import.meta.url),
);

/** Pictures that cannot be read, so that a training ends where it begins. */
const unreadable = (size: number): Dataset => ({
  description: `${size} pictures`,
  size,
  labelled: false,
  classNames: null,
  nameAt: String,
  labelAt: () => null,
  read: () => Promise.reject(new OfframpError('IMAGE_INVALID', 'no pictures')),
});

describe('trainerFor', () => {
  it('keeps pooled activations as long as they fit into memory, and else goes by gradients', async () => {
    const options = z.object(trainingOptions).parse({ body: 'pool', reuse: 'none', placement: 'linear' });
    const begunWith = async (size: number) => {
      const titles: string[] = [];
      const attempt = augmentBackbone(model, unreadable(size), 'never-written', {
        ...options,
        ...{ name: 'test', bodies: bodiesOf(options), cutPoints: null, holdOut: 0.1 },
        ...{ calibration: null, preprocessing: { mean: [0], std: [1] }, labels: null },
        ...{ agreement: 0.9, delta: 0.05, deviceCost: 0.5 },
        trainer: trainerFor(options),
        progress: { step: (title) => titles.push(title), advance: () => undefined },
      });
      await expect(attempt).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
      return titles;
    };
    expect(await begunWith(10_000)).toEqual(['running the backbone']);
    expect(await begunWith(1_000_000)).toEqual(['training the branches']);
  });
});
