import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import { GraphEditor } from '../onnx/graph-editor.js';
import { writeModel } from '../onnx/write-model.js';
import { applyLinearClassifier, type LinearClassifier } from '../training/linear-classifier.js';
import { type Matrix, matrixOf, rowOf } from '../training/matrix.js';
import { confidenceFeatures } from './confidence-features.js';
import { addClassHead, addExit, addFinalExit, type ConfidenceHead } from './heads.js';
import { addPoolBody, poolGeometry } from './pool-body.js';
import { addCarried, carriedShape, splitCarried } from './reuse.js';

/** The oldest supported operator set, and the newest that changed an operator that branches use. */
const opsets = [13, 18];

async function run(
  opset: number,
  shape: readonly number[],
  values: Float32Array,
  build: (editor: GraphEditor) => string[],
): Promise<Float32Array[]> {
  const editor = GraphEditor.create('input', shape, opset);
  const names = build(editor);
  for (const name of names) editor.graph.output.push(new onnx.ValueInfoProto({ name }));
  const session = await InferenceSession.create(writeModel(editor.proto), { logSeverityLevel: 3 });
  const rows = values.length / shape.reduce((product, size) => product * size, 1);
  const outputs = await session.run({ input: new Tensor('float32', values, [rows, ...shape]) });
  await session.release();
  return names.map((name) => outputs[name]?.data as Float32Array);
}

const wave = (length: number, scale = 1) =>
  Float32Array.from({ length }, (_, i) => scale * Math.sin(i * 1.7 + 0.3));

function expectClose(found: Float32Array | undefined, expected: Float32Array): void {
  expect(found?.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(found?.[i]).toBeCloseTo(value, 5);
  });
}

/** An exit on class scores; with `after another`, the previous exit's probabilities precede the scores. */
function exitOn(head: ConfidenceHead, classes: number, previous: 'alone' | 'after another') {
  return (editor: GraphEditor) => {
    const outputs = { probabilities: 'p', confidence: 'c' };
    const inputs = { logits: 'input', classes, score: null, previous: null };
    if (previous === 'alone') {
      addExit(editor, inputs, head, outputs);
    } else {
      const at = (value: number) => editor.addInitializer('at', [1], BigInt64Array.of(BigInt(value)));
      editor.addNode('Slice', ['input', at(0), at(classes), at(1)], ['before']);
      editor.addNode('Slice', ['input', at(classes), at(2 * classes), at(1)], ['now']);
      addExit(editor, { ...inputs, logits: 'now', previous: 'before' }, head, outputs);
    }
    return ['p', 'c'];
  };
}

function softmaxRows(logits: Float32Array, classes: number): Float32Array {
  const probabilities = logits.map(Math.exp);
  for (let row = 0; row < logits.length / classes; row++) {
    const values = probabilities.subarray(row * classes, (row + 1) * classes);
    const sum = values.reduce((total, value) => total + value, 0);
    values.forEach((value, i) => {
      values[i] = value / sum;
    });
  }
  return probabilities;
}

function learnedConfidence(head: { weights: Float32Array; bias: number }, features: Matrix): Float32Array {
  return Float32Array.from({ length: features.rows }, (_, row) => {
    const score = rowOf(features, row).reduce(
      (sum, value, i) => sum + value * (head.weights[i] as number),
      head.bias,
    );
    return 1 / (1 + Math.exp(-score));
  });
}

describe.each(opsets)('branches in opset %i', (opset) => {
  it('compute the same in the graph as in training', async () => {
    const classes = 4;
    const features: Matrix = { values: wave(6 * 5, 3), rows: 6, width: 5 };
    const classHead: LinearClassifier = { weights: wave(5 * classes, 2), bias: wave(classes), classes };
    const head = { kind: 'learned' as const, weights: wave(3), bias: 0.2 };
    const [probabilities, confidence] = await run(opset, [5], features.values, (editor) => {
      const logits = addClassHead(editor, 'input', classHead);
      addExit(editor, { logits, classes, score: null, previous: null }, head, {
        probabilities: 'p',
        confidence: 'c',
      });
      return ['p', 'c'];
    });
    const expected = applyLinearClassifier(classHead, features);
    expectClose(probabilities, expected.values);
    expectClose(confidence, learnedConfidence(head, confidenceFeatures(expected)));
  });

  it('use the answer of the previous exit if it is given', async () => {
    const classes = 3;
    const [before, now] = [softmaxRows(wave(6 * classes, 2), classes), wave(6 * classes, 3)];
    const head = { kind: 'learned' as const, weights: wave(4), bias: -0.1 };
    const both = Float32Array.from({ length: 6 * 2 * classes }, (_, i) => {
      const [row, column] = [Math.floor(i / (2 * classes)), i % (2 * classes)];
      return (column < classes ? before : now)[row * classes + (column % classes)] as number;
    });
    const [probabilities, confidence] = await run(
      opset,
      [2 * classes],
      both,
      exitOn(head, classes, 'after another'),
    );
    const matrix = (values: Float32Array): Matrix => ({ values, rows: 6, width: classes });
    const expected = softmaxRows(now, classes);
    expectClose(probabilities, expected);
    expectClose(confidence, learnedConfidence(head, confidenceFeatures(matrix(expected), matrix(before))));
  });

  it('can use the largest softmax probability as confidence', async () => {
    const logits = wave(5 * 4, 2);
    const probabilities = softmaxRows(logits, 4);
    const rows = Array.from({ length: 5 }, (_, row) => probabilities.subarray(row * 4, row * 4 + 4));
    const [, largest] = await run(opset, [4], logits, exitOn({ kind: 'max-softmax' }, 4, 'alone'));
    expectClose(
      largest,
      Float32Array.from(rows, (row) => Math.max(...row)),
    );
    const [, entropy] = await run(opset, [4], logits, exitOn({ kind: 'entropy' }, 4, 'alone'));
    expectClose(
      entropy,
      Float32Array.from(rows, (row) => 1 + row.reduce((sum, p) => sum + p * Math.log(p), 0) / Math.log(4)),
    );
  });

  it('stay finite if a class is almost certain', async () => {
    const head = { kind: 'learned' as const, weights: wave(3), bias: 0 };
    const logits = Float32Array.of(200, -200, 0, -200, 200, 0, 0, 0, 0);
    const [, confidence] = await run(opset, [3], logits, exitOn(head, 3, 'alone'));
    expect(confidence?.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  it.each([
    { shape: [3, 4, 4], width: 10 },
    { shape: [2, 3, 3], width: 9 },
    { shape: [5, 4], width: 6 },
    { shape: [7], width: 3 },
  ])('append $width numbers to an activation of $shape, and split both again', async ({ shape, width }) => {
    const geometry = { shape, width };
    const elements = shape.reduce((product, size) => product * size, 1);
    const values = wave(2 * (elements + width));
    const [joined, activation, carried] = await run(opset, [elements + width], values, (editor) => {
      const at = (value: number) => editor.addInitializer('at', [1], BigInt64Array.of(BigInt(value)));
      const shapeName = editor.addInitializer(
        'shape',
        [shape.length + 1],
        BigInt64Array.from([-1, ...shape].map(BigInt)),
      );
      editor.addNode('Slice', ['input', at(0), at(elements), at(1)], ['flat']);
      editor.addNode('Reshape', ['flat', shapeName], ['activation']);
      editor.addNode('Slice', ['input', at(elements), at(elements + width), at(1)], ['carried']);
      addCarried(editor, 'activation', 'carried', geometry, 'joined');
      return ['joined', 'split', splitCarried(editor, 'joined', geometry, 'split')];
    });
    const perRow = elements + width;
    const rows = [0, 1].map((row) => values.subarray(row * perRow, (row + 1) * perRow));
    expect(joined?.length).toBe(2 * carriedShape(geometry).reduce((product, size) => product * size, 1));
    expect(activation).toEqual(Float32Array.from(rows.flatMap((row) => [...row.subarray(0, elements)])));
    expect(carried).toEqual(Float32Array.from(rows.flatMap((row) => [...row.subarray(elements)])));
  });

  it("make the backbone's own output an exit, for logits and for probabilities", async () => {
    const logits = Float32Array.of(1, 2, 0.5, 3, -1, 0);
    const [probabilities, confidence] = await run(opset, [3], logits, (editor) => {
      addFinalExit(editor, 'input', 'logits', { probabilities: 'p', confidence: 'c' });
      return ['p', 'c'];
    });
    const [same] = await run(opset, [3], probabilities ?? new Float32Array(), (editor) => {
      addFinalExit(editor, 'input', 'probabilities', { probabilities: 'p', confidence: 'c' });
      return ['p', 'c'];
    });
    const exponentials = [1, 2, 0.5].map(Math.exp);
    const sum = exponentials.reduce((total, value) => total + value, 0);
    expect(probabilities?.[1]).toBeCloseTo((exponentials[1] as number) / sum, 5);
    expect(confidence?.[0]).toBe(probabilities?.[1]);
    expect(same).toEqual(probabilities);
  });

  it.each([
    { shape: [2, 6, 6], grid: 3 },
    { shape: [2, 7, 5], grid: 3 },
    { shape: [3, 2, 2], grid: 4 },
  ])('pool $shape to a grid of $grid by means over windows that cover it', async ({ shape, grid }) => {
    const [channels = 0, height = 0, width = 0] = shape;
    const values = wave(channels * height * width);
    const [pooled] = await run(opset, shape, values, (editor) => [
      addPoolBody(editor, 'input', { shape }, grid),
    ]);
    const geometry = poolGeometry({ shape }, grid);
    const { kernel, strides } = (geometry.window ?? { kernel: [0, 0], strides: [0, 0] }) as {
      kernel: [number, number];
      strides: [number, number];
    };
    const expected: number[] = [];
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < geometry.grid; y++) {
        for (let x = 0; x < geometry.grid; x++) {
          let sum = 0;
          for (let dy = 0; dy < kernel[0]; dy++) {
            for (let dx = 0; dx < kernel[1]; dx++) {
              const row = c * height + y * strides[0] + dy;
              sum += values[row * width + x * strides[1] + dx] as number;
            }
          }
          expected.push(sum / (kernel[0] * kernel[1]));
        }
      }
    }
    expect((geometry.grid - 1) * strides[0] + kernel[0]).toBe(height);
    expect((geometry.grid - 1) * strides[1] + kernel[1]).toBe(width);
    expectClose(pooled, Float32Array.from(expected));
  });

  it('pool tokens to the first and their mean, and keep vectors', async () => {
    const tokens = Float32Array.of(1, 2, 3, 4, 5, 6);
    const [pooled] = await run(opset, [3, 2], tokens, (editor) => [
      addPoolBody(editor, 'input', { shape: [3, 2] }, 4),
    ]);
    expectClose(pooled, Float32Array.of(1, 3, 2, 4));
    expect(poolGeometry({ shape: [3, 2] }, 4).features).toBe(4);
    expect(poolGeometry({ shape: [7] }, 4)).toEqual({ grid: 1, features: 7, window: null });
  });

  const twoByFive = Float32Array.of(1, 3, 5, 7, 9, 2, 2, 2, 4, 6);
  it.each([
    ['channels × time, by windows of time', { shape: [2, 5], layout: 'channels-first' as const }, twoByFive],
    ['channels × 1 × time', { shape: [2, 1, 5] }, twoByFive],
    [
      '1 × time × channels',
      { shape: [1, 5, 2], layout: 'channels-last' as const },
      Float32Array.of(1, 2, 3, 2, 5, 2, 7, 4, 9, 6),
    ],
  ])('pool %s', async (_, activation, values) => {
    const [pooled] = await run(opset, activation.shape, values, (editor) => [
      addPoolBody(editor, 'input', activation, 2),
    ]);
    // Two windows of three, which share the middle.
    expectClose(pooled, Float32Array.of(3, 7, 2, 4));
    expect(poolGeometry(activation, 2)).toMatchObject({ grid: 2, features: 4 });
  });
});

describe('confidenceFeatures', () => {
  it('are log-odds, margin and entropy', () => {
    const probabilities = matrixOf(1, 3);
    probabilities.values.set([0.2, 0.7, 0.1]);
    const before = matrixOf(1, 3);
    before.values.set([0.5, 0.3, 0.2]);
    const [odds, margin, entropy, same] = confidenceFeatures(probabilities, before).values;
    expect(odds).toBeCloseTo(Math.log(0.7 / 0.3), 6);
    expect(margin).toBeCloseTo(Math.log(0.7 / 0.2), 6);
    expect(entropy).toBeCloseTo(-(0.2 * Math.log(0.2) + 0.7 * Math.log(0.7) + 0.1 * Math.log(0.1)), 6);
    expect(same).toBeCloseTo(Math.log(0.33 / 0.67), 6);
  });

  it('stay finite at probabilities of 0 and 1', () => {
    const certain = matrixOf(1, 2);
    certain.values.set([1, 0]);
    expect([...confidenceFeatures(certain, certain).values].every(Number.isFinite)).toBe(true);
  });
});
