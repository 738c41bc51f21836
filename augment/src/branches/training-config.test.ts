import { fileURLToPath } from 'node:url';
import type { Dataset } from '@offramp/data';
import { OfframpError } from '@offramp/runtime';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadBackbone } from '../inspect/load-backbone.js';
import { augmentBackbone } from '../pipeline/augment-backbone.js';
import { bodiesOf, trainerFor, trainingOptions } from './training-config.js';

const model = fileURLToPath(
  new URL('../../../examples/fashion-mnist/model/fashion-resnet56.onnx', import.meta.url),
);

const noPictures = () => Promise.reject(new OfframpError('IMAGE_INVALID', 'no pictures'));

/** Pictures that cannot be read, so that a training ends at once. */
const unreadable = (size: number): Dataset => ({
  description: `${size} pictures`,
  size,
  labelled: false,
  classNames: null,
  nameAt: String,
  labelAt: () => null,
  readFitted: noPictures,
});

describe('trainerFor', () => {
  it('keeps pooled activations if they fit into memory, and otherwise trains by gradients', async () => {
    const options = z.object(trainingOptions).parse({ body: 'pool', reuse: 'none', placement: 'linear' });
    const begunWith = async (size: number) => {
      const titles: string[] = [];
      const attempt = augmentBackbone(await loadBackbone(model), unreadable(size), 'never-written', {
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
