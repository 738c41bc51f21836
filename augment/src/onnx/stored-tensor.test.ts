import { elementsOf } from '@offramp/bundle';
import { describe, expect, it } from 'vitest';
import { GraphEditor } from './graph-editor.js';
import { profileBackbone } from './profile.js';
import { readModel } from './read-model.js';
import { codesOf, type StoredTensor } from './stored-tensor.js';
import { withModel, worstCut } from './testing/halves.js';
import { Layers, type Numbers } from './testing/layers.js';
import { addResidualNetwork } from './testing/residual-network.js';
import { writeModel } from './write-model.js';

function residual(numbers: Numbers, opset = 17): Uint8Array {
  const shape = [3, 16, 16];
  const editor = GraphEditor.create('x', shape, opset);
  const layers = new Layers(editor, numbers);
  layers.end(addResidualNetwork(layers, 'x', shape, { widths: [8, 16], classes: 5 }), 'y');
  editor.addOutput('y', [5]);
  return writeModel(editor.proto);
}

describe.each([
  { numbers: 'float16', stored: 'float16', bytes: 2, tolerance: 1e-6 },
  { numbers: 'qdq', stored: 'float32', bytes: 1, tolerance: 0 },
  { numbers: 'qoperator', stored: 'uint8', bytes: 1, tolerance: 0 },
] as const)('a model in $numbers', ({ numbers, stored, bytes, tolerance }) => {
  it('can be cut wherever float32 can, without a change of its answers', async () => {
    const model = residual(numbers);
    const profile = await profileBackbone(readModel(model, `${numbers}.onnx`));
    const plain = await profileBackbone(readModel(residual('float32'), 'float32.onnx'));
    expect(profile.macs).toBe(plain.macs);
    expect(profile.uncounted).toEqual([]);
    const costs = (cutPoints: typeof profile.cutPoints) => [
      ...new Set(cutPoints.map(({ cumulativeMacs }) => cumulativeMacs).filter((macs) => macs > 0)),
    ];
    expect(costs(profile.cutPoints)).toEqual(costs(plain.cutPoints));
    for (const { stored: found, shape, activationBytes } of profile.cutPoints) {
      expect(found?.type).toBe(stored);
      expect(activationBytes).toBe(bytes * elementsOf(shape));
    }
    await withModel(model, async (whole) => {
      expect(await worstCut(profile, whole)).toBeLessThanOrEqual(tolerance);
    });
  });
});

it.each<[StoredTensor, ReturnType<typeof codesOf>]>([
  [{ type: 'float32' }, undefined],
  [{ type: 'float16' }, undefined],
  [
    { type: 'uint8', quantisation: { type: 'uint8', scale: 0.5, zeroPoint: 3 } },
    { scale: 0.5, zeroPoint: 3 },
  ],
  [
    { type: 'float32', quantisation: { type: 'int8', scale: 0.5, zeroPoint: -128 } },
    { scale: 0.5, zeroPoint: 0 },
  ],
  [{ type: 'int16', quantisation: { type: 'int16', scale: 0.5, zeroPoint: 0 } }, undefined],
])('the codes of %o are %o', (stored, codes) => {
  expect(codesOf(stored)).toEqual(codes);
});
