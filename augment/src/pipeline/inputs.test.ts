import { join } from 'node:path';
import {
  type CascadeSample,
  elementsOf,
  InferencePool,
  type InputSpecification,
  runStage,
} from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';
import { type Dataset, normalise } from '@offramp/data';
import { temporaryFolder } from '@offramp/runtime/testing';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { dataTypeOf } from '../onnx/data-type.js';
import type { GraphEditor } from '../onnx/graph-editor.js';
import { profileBackbone } from '../onnx/profile.js';
import { readModel } from '../onnx/read-model.js';
import { difference, maxDifference } from '../onnx/testing/halves.js';
import { addWeight, type SmallModel, smallModelBytes } from '../onnx/testing/small-model.js';
import { pooledOptions } from '../testing/index.js';
import { augmentBackbone } from './augment-backbone.js';
import { type InputPreprocessing, inputOf } from './model-input.js';

interface Kind extends SmallModel {
  build(g: GraphEditor): void;
  preprocessing: InputPreprocessing;
  /** As the bundle has it. */
  input: InputSpecification;
  /** A sample as the model takes it, of one that the bundle takes. */
  own(values: Float32Array): Uint8Array | Float32Array;
}

/** Three dense layers. */
function classify(g: GraphEditor, from: string, width: number): void {
  g.addNode('MatMul', [from, addWeight(g, 'dense1', [width, 8])], ['d1']);
  g.addNode('Tanh', ['d1'], ['t1']);
  g.addNode('MatMul', ['t1', addWeight(g, 'dense2', [8, 8])], ['d2']);
  g.addNode('Tanh', ['d2'], ['t2']);
  g.addNode('MatMul', ['t2', addWeight(g, 'dense3', [8, 3])], ['scores']);
  g.addNode('Softmax', ['scores'], ['y'], { axis: { i: 1 } });
}

/** A convolution over time, pooled to four places. */
function overTime(g: GraphEditor, from: string, channels: number): void {
  g.addNode('Conv', [from, addWeight(g, 'w', [6, channels, 5])], ['c'], { pads: { ints: [2, 2] } });
  g.addNode('Relu', ['c'], ['r']);
  g.addNode('AveragePool', ['r'], ['p'], { kernel_shape: { ints: [8] }, strides: { ints: [8] } });
  g.addNode('Flatten', ['p'], ['flat'], { axis: { i: 1 } });
  classify(g, 'flat', 6 * 4);
}

const raw = { scale: 'raw' as const, mean: [0, 0, 0], std: [1, 1, 1] };
const asItIs = (values: Float32Array) => values;

const kinds: Record<string, Kind> = {
  'bytes of pictures with the channels last': {
    ...{ inputShape: [6, 6, 3], inputType: 'uint8', preprocessing: null },
    build(g) {
      g.addNode('Cast', ['x'], ['numbers'], { to: { i: dataTypeOf('float32') ?? 0 } });
      g.addNode('Mul', ['numbers', g.addInitializer('scale', [1], Float32Array.of(1 / 100))], ['small']);
      g.addNode('Transpose', ['small'], ['first'], { perm: { ints: [0, 3, 1, 2] } });
      g.addNode('Conv', ['first', addWeight(g, 'w', [4, 3, 3, 3])], ['c']);
      g.addNode('Relu', ['c'], ['r']);
      g.addNode('Flatten', ['r'], ['flat'], { axis: { i: 1 } });
      classify(g, 'flat', 4 * 16);
    },
    input: { shape: [3, 6, 6], preprocessing: raw },
    own: (values) =>
      Uint8Array.from({ length: 108 }, (_, i) => values[(i % 3) * 36 + Math.floor(i / 3)] as number),
  },
  'sensor windows, channels × time': {
    ...{ inputShape: [2, 32], preprocessing: { mean: [0.2, -0.3], std: [0.5] } },
    build: (g) => overTime(g, 'x', 2),
    input: { kind: 'tensor', shape: [2, 32], preprocessing: { mean: [0.2, -0.3], std: [0.5] } },
    own: asItIs,
  },
  'sensor windows, time × channels': {
    ...{ inputShape: [32, 2], preprocessing: null },
    build(g) {
      g.addNode('Transpose', ['x'], ['first'], { perm: { ints: [0, 2, 1] } });
      overTime(g, 'first', 2);
    },
    input: { kind: 'tensor', shape: [32, 2] },
    own: asItIs,
  },
  'vectors of features': {
    ...{ inputShape: [12], preprocessing: null },
    build: (g) => classify(g, 'x', 12),
    input: { kind: 'tensor', shape: [12] },
    own: asItIs,
  },
  'five channels of a picture-like array': {
    ...{ inputShape: [5, 6, 6], preprocessing: null },
    build(g) {
      g.addNode('Conv', ['x', addWeight(g, 'w', [4, 5, 3, 3])], ['c']);
      g.addNode('Relu', ['c'], ['r']);
      g.addNode('Flatten', ['r'], ['flat'], { axis: { i: 1 } });
      classify(g, 'flat', 4 * 16);
    },
    input: { kind: 'tensor', shape: [5, 6, 6] },
    own: asItIs,
  },
};

/** Samples that differ. */
function madeUp(input: InputSpecification, size: number): Dataset {
  const count = elementsOf(input.shape);
  return {
    ...{ description: 'made up', size, labelled: false, classNames: null },
    ...{ nameAt: String, labelAt: () => null },
    readFitted: async (index) => {
      const wave = Float32Array.from({ length: count }, (_, i) => Math.sin((index + 1) * (i + 1) ** 0.7));
      const values = input.kind === 'tensor' ? wave : Uint8Array.from(wave, (value) => 128 + 120 * value);
      return { name: String(index), label: null, values };
    },
  };
}

describe('augment, for a model of', () => {
  it.each(Object.entries(kinds))('%s', async (_, kind) => {
    const bytes = smallModelBytes(kind.build, kind);
    const profile = await profileBackbone(readModel(bytes, 'small.onnx'));
    expect(inputOf(profile, kind.preprocessing)).toEqual(kind.input);
    const dataset = madeUp(kind.input, 90);
    const out = join(await temporaryFolder(), 'bundle');
    const backbone = { profile, file: 'small.onnx', sha256: '0'.repeat(64) };
    const { bundle } = await augmentBackbone(backbone, dataset, out, {
      ...pooledOptions,
      ...{ preprocessing: kind.preprocessing, epochs: 2, holdOut: 30, cost: 1 },
    });
    expect(bundle.manifest.input).toEqual(kind.input);

    const indices = [3, 1, 4, 15, 9];
    const inputs = await Promise.all(
      indices.map(async (i) => normalise((await dataset.readFitted(i, kind.input)).values, kind.input)),
    );
    const samples = indices.map(
      (): CascadeSample => ({ thresholds: neverExit(bundle.branches), passed: [] }),
    );
    let activation = Float32Array.from(inputs.flatMap((values) => [...values]));
    const pool = await InferencePool.create(bundle);
    for (let stage = 0; stage < bundle.branches; stage++) {
      activation = (await runStage(pool, stage, samples, activation)).activation as typeof activation;
    }
    const { answered } = await runStage(pool, bundle.branches, samples, activation);
    await pool.close();
    const session = await InferenceSession.create(bytes);
    const type = (kind.inputType ?? 'float32') as 'float32';
    for (const [i, values] of inputs.entries()) {
      const own = kind.own(values) as Float32Array;
      const { y } = await session.run({ x: new Tensor(type, own, [1, ...(kind.inputShape ?? [])]) });
      const found = answered[i]?.probabilities ?? new Float32Array();
      expect(difference(found, y?.data as Float32Array)).toBeLessThanOrEqual(maxDifference);
    }
    await session.release();
  });
});
