import { readFile } from 'node:fs/promises';
import { elementsOf } from '@offramp/bundle';
import { sha256Hex } from '@offramp/runtime';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import type { onnx } from '#onnx';
import { backboneFiles } from '../testing/backbone-files.js';
import { extractSegment } from './extract-segment.js';
import { type BackboneProfile, profileBackbone } from './profile.js';
import { readModel } from './read-model.js';
import { writeModel } from './write-model.js';

/** Millions of multiply-accumulates and of parameters, from the models' README; the ViT and the VGG counted by hand. */
const figures: Record<string, { mmacs: number; mparams: number; classes?: number }> = {
  'cifar10-resnet20.onnx': { mmacs: 40.55, mparams: 0.27 },
  'cifar10-resnet32.onnx': { mmacs: 68.86, mparams: 0.46 },
  'cifar10-resnet44.onnx': { mmacs: 97.17, mparams: 0.66 },
  'cifar10-resnet56.onnx': { mmacs: 125.49, mparams: 0.85 },
  'fashion-resnet56.onnx': { mmacs: 95.85, mparams: 0.85 },
  'graph-densenet.onnx': { mmacs: 7.2, mparams: 0.05 },
  'graph-mobilenetv3.onnx': { mmacs: 1.01, mparams: 0.2 },
  'graph-shufflenetv2.onnx': { mmacs: 1.2, mparams: 0.04 },
  'graph-vgg.onnx': { mmacs: 25.4, mparams: 0.17 },
  'graph-vit.onnx': { mmacs: visionTransformerMmacs(), mparams: 0.14 },
  'cifar10-vgg.onnx': { mmacs: vggMmacs(), mparams: 1.91 },
  'imagenet-mobilenetv2.onnx': { mmacs: 300, mparams: 3.49, classes: 1_001 },
  'tin-mobilenetv2.onnx': { mmacs: 98, mparams: 2.46, classes: 200 },
};

/** Ten 3×3 convolutions in four blocks, half as wide as VGG's, 10 classes. */
function vggMmacs(): number {
  const blocks = [
    { side: 32, widths: [3, 32, 32] },
    { side: 16, widths: [32, 64, 64] },
    { side: 8, widths: [64, 128, 128, 128] },
    { side: 4, widths: [128, 256, 256, 256] },
  ];
  const convolutions = blocks.flatMap(({ side, widths }) =>
    widths.slice(1).map((width, i) => 9 * (widths[i] as number) * width * side ** 2),
  );
  return (convolutions.reduce((sum, macs) => sum + macs, 0) + 256 * 10) / 1e6;
}

/** 64 patches of 4×4×3 and a class token, width 64, 4 layers, feed-forward width 128, 10 classes. */
function visionTransformerMmacs(): number {
  const [patches, tokens, width] = [64, 65, 64];
  const projections = tokens * width * (3 * width) + tokens * width * width;
  const products = 2 * tokens * tokens * width;
  const feedForward = 2 * tokens * width * 128;
  return (patches * 48 * width + 4 * (projections + products + feedForward) + width * 10) / 1e6;
}

const maxDifference = 1e-4;
const batch = 2;

async function run(
  model: Uint8Array | onnx.ModelProto,
  data: Float32Array,
  shape: readonly number[],
): Promise<Float32Array> {
  const bytes = model instanceof Uint8Array ? model : writeModel(model);
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const input = new Tensor('float32', data, [data.length / elementsOf(shape), ...shape]);
  const fetched = await session.run({ [session.inputNames[0] as string]: input });
  await session.release();
  return fetched[session.outputNames[0] as string]?.data as Float32Array;
}

/** Largest absolute difference; NaN where the lengths differ or a value is NaN. */
function difference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] as number))), 0);
}

const files = backboneFiles('every cut of every backbone');
it.skipIf(files.length === 0)('all backbones of the README are there', () => {
  expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(figures)));
});

describe.each(files)('$name', ({ name: file, path }) => {
  let bytes: Uint8Array;
  let backbone: BackboneProfile;
  let input: Float32Array;
  let whole: Float32Array;

  beforeAll(async () => {
    bytes = await readFile(path);
    backbone = await profileBackbone(readModel(bytes, file));
    const { shape } = backbone.input;
    input = Float32Array.from({ length: batch * elementsOf(shape) }, (_, i) => 2 * Math.sin(i ** 1.1));
    whole = await run(bytes, input, shape);
  });

  it('is written back with every weight as it was', () => {
    const weights = (from: Uint8Array) =>
      readModel(from, file).graph.initializer.map(({ name, rawData }) => `${name} ${sha256Hex(rawData)}`);
    expect(weights(writeModel(readModel(bytes, file).proto))).toEqual(weights(bytes));
  });

  it('costs what its README says', () => {
    const expected = figures[file];
    expect(expected, 'figures of a model that this test does not know').toBeDefined();
    if (!expected) return;
    expect(Math.abs(backbone.macs / 1e6 / expected.mmacs - 1)).toBeLessThan(0.005);
    expect(Math.abs(backbone.parameters / 1e6 - expected.mparams)).toBeLessThan(0.0051);
    expect(backbone.uncounted).toEqual([]);
    expect(backbone.output).toEqual({ name: 'logits', classes: expected.classes ?? 10, kind: 'logits' });
  });

  it('costs nothing twice: the cut points are in order and stay below the whole', () => {
    for (const key of ['cumulativeMacs', 'cumulativeParameters'] as const) {
      const costs = backbone.cutPoints.map((cutPoint) => cutPoint[key]);
      expect(costs).toEqual(costs.toSorted((a, b) => a - b));
    }
    const last = backbone.cutPoints.at(-1);
    expect(last?.cumulativeMacs).toBeLessThanOrEqual(backbone.macs);
    expect(last?.cumulativeParameters).toBeLessThanOrEqual(backbone.parameters);
  });

  it('computes the same in two halves, wherever it is cut', async () => {
    expect(backbone.cutPoints.length).toBeGreaterThan(10);
    const names = { input: 'input', output: 'output' };
    for (const { tensor, shape } of backbone.cutPoints) {
      const activation = await run(
        extractSegment(backbone, null, tensor, names),
        input,
        backbone.input.shape,
      );
      const answer = await run(extractSegment(backbone, tensor, null, names), activation, shape);
      expect(difference(answer, whole), tensor).toBeLessThanOrEqual(maxDifference);
    }
  });

  it('computes the same in many segments, one sample after the other', async () => {
    const names = { input: 'input', output: 'output' };
    const cuts = backbone.cutPoints.filter((_, i) => i % 3 === 0);
    const classes = backbone.output.classes;
    for (let row = 0; row < batch; row++) {
      let shape = backbone.input.shape;
      let from: string | null = null;
      let activation = input.slice(row * elementsOf(shape), (row + 1) * elementsOf(shape));
      for (const cut of [...cuts, null]) {
        activation = Float32Array.from(
          await run(extractSegment(backbone, from, cut?.tensor ?? null, names), activation, shape),
        );
        from = cut?.tensor ?? null;
        shape = cut?.shape ?? [];
      }
      const expected = whole.subarray(row * classes, (row + 1) * classes);
      expect(difference(activation, expected)).toBeLessThanOrEqual(maxDifference);
    }
  });
});
