import { describe, expect, it } from 'vitest';
import { profileBackbone } from '../onnx/profile.js';
import { addWeight, failureOf, smallModel } from '../onnx/testing/small-model.js';
import { examplePictures } from '../testing/index.js';
import { labelsOf } from './training-data.js';

describe('labelsOf', () => {
  it('says how to train on pictures of other classes', async () => {
    const model = smallModel((g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('Gemm', ['a', addWeight(g, 'w', [4, 3])], ['y']);
    });
    const backbone = await profileBackbone(model);
    const classNames = Array.from({ length: 10 }, (_, i) => `class ${i}`);
    const pictures = { ...(await examplePictures(10)), classNames };
    expect(await failureOf(() => labelsOf(backbone, pictures, null))).toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(/expected 3 labels, one per class of the model; found 10$/),
      hint: expect.stringMatching(/--labels.*--unlabelled/),
    });
    expect(await failureOf(() => labelsOf(backbone, pictures, ['a', 'b']))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: '--labels: expected 3 labels, one per class of the model; found 2',
      hint: expect.stringContaining('one label per line'),
    });
  });
});
