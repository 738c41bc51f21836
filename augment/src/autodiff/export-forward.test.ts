import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { afterEach, describe, expect, it } from 'vitest';
import { GraphEditor } from '../onnx/graph-editor.js';
import { writeModel } from '../onnx/write-model.js';
import { exportForward } from './export-forward.js';
import { batchNormValues, foldBatchNorm } from './fold-batch-norm.js';
import { ForwardSession } from './forward-session.js';
import { GraphBuilder } from './graph-builder.js';
import type { Tensor } from './tensor.js';
import { uniform } from './testing/evaluation.js';
import { TrainingStep } from './training-step.js';

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

/** A branch with every operator that branches use, after some training. */
async function trainedBranch() {
  const batch = 8;
  const g = new GraphBuilder();
  const x = g.input('x', [batch, 3, 8, 8]);
  const weights = g.parameter('w1', [4, 3, 3, 3]);
  const normed = g.batchNorm(g.conv(x, weights, { stride: 2, padding: 1 }), 'bn1');
  const deep = g.gelu(
    g.batchNorm(g.conv(g.relu(normed), g.parameter('w2', [4, 1, 3, 3]), { groups: 4 }), 'bn2'),
  );
  const pooled = g.concat([g.flatten(g.averagePool(deep, { kernel: 2 })), g.globalAveragePool(normed)], 1);
  const tokens = g.reshape(g.transpose(normed, [0, 2, 3, 1]), [-1, 16, 4]);
  const scale = g.parameter('ln.scale', [4]);
  const summary = g.mean(g.layerNorm(g.maximum(tokens, -0.5), scale, g.parameter('ln.bias', [4])), {
    axes: [1],
  });
  const wide = g.maxPool(g.clip(normed, -1, 1), { kernel: 4 });
  const features = g.concat([pooled, summary, g.slice(g.flatten(wide), 1, 0, 2)], 1);
  const logits = g.linear(features, g.parameter('wc', [14, 5]), g.parameter('bc', [5]));
  const probabilities = g.softmax(logits);
  const top = g.topK(probabilities, 2);
  const entropy = g.neg(g.sum(g.mul(probabilities, g.logSoftmax(logits)), { axes: [1], keepDims: true }));
  const evidence = g.concat([g.stopGradient(top), g.log(top), entropy], 1);
  const score = g.linear(evidence, g.parameter('wh', [5, 1]), g.parameter('bh', [1]));
  const confidence = g.reshape(g.sigmoid(score), [-1]);
  const loss = g.sub(g.mean(g.logSigmoid(score)), g.mean(g.log(g.slice(probabilities, 1, 0, 1))));
  const step = await TrainingStep.compile(g, loss, { seed: 3, threads: 1 });
  opened.push(step);
  for (let i = 0; i < 5; i++) await step.step({ x: uniform([batch, 3, 8, 8], i) }, 0.05);
  return { g, normed, values: step.parameters(), outputs: { probabilities, confidence } };
}

async function run(
  editor: GraphEditor,
  feeds: Record<string, RuntimeTensor>,
): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(writeModel(editor.proto), { logSeverityLevel: 4 });
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
}

function expectClose(found: Float32Array | undefined, expected: Float32Array | undefined): void {
  expect(found?.length).toBeGreaterThan(0);
  expect(found).toHaveLength(expected?.length ?? 0);
  found?.forEach((value, i) => {
    expect(value).toBeCloseTo(expected?.[i] as number, 5);
  });
}

describe('exportForward', () => {
  it.each([13, 17, 18, 21])('attaches a branch to a model of operator set %i', async (opset) => {
    const { g, values, outputs } = await trainedBranch();
    const editor = GraphEditor.create('input', [3, 8, 8], opset);
    editor.addNode('Neg', ['input'], ['activation']);
    exportForward(editor, { graph: g, outputs, values, inputs: { x: 'activation' } });
    editor.addOutput('probabilities', [5]);
    editor.addOutput('confidence', []);
    const x = uniform([3, 3, 8, 8], 77);
    const found = await run(editor, {
      input: new RuntimeTensor(
        'float32',
        x.map((value) => -value),
        [3, 3, 8, 8],
      ),
    });

    const forward = await ForwardSession.open(g, { outputs, values, threads: 1 });
    opened.push(forward);
    const expected = await forward.run({ x }, 3);
    expectClose(found.probabilities, expected.probabilities);
    expectClose(found.confidence, expected.confidence);
  });

  it('computes each sample by itself: batch norms use their running statistics', async () => {
    const { g, values, outputs } = await trainedBranch();
    const forward = await ForwardSession.open(g, { outputs, values, threads: 1 });
    opened.push(forward);
    const x = uniform([4, 3, 8, 8], 78);
    const together = await forward.run({ x }, 4);
    const alone = await forward.run({ x: x.slice(192, 384) }, 1);
    expectClose(alone.probabilities, together.probabilities?.slice(5, 10));
    await expect(forward.run({ x }, 3)).rejects.toThrow(/input x: expected 576 of Float32Array, found 768/);
  });

  it('names a missing value or input', async () => {
    const { g, values, outputs } = await trainedBranch();
    const attach = (parts: object) =>
      exportForward(GraphEditor.create('input', [3, 8, 8], 17), {
        graph: g,
        outputs,
        values,
        inputs: { x: 'input' },
        ...parts,
      });
    expect(() => attach({ inputs: {} })).toThrow(/expected x, found none/);
    expect(() => attach({ values: new Map([...values].filter(([name]) => name !== 'bn1.mean')) })).toThrow(
      /expected bn1.mean, found none/,
    );
    expect(() => attach({ values: new Map([...values, ['wh', new Float32Array(2)]]) })).toThrow(
      /wh of 5 values/,
    );
  });
});

describe('foldBatchNorm', () => {
  it('gives one convolution with the same result', async () => {
    const { g, normed, values } = await trainedBranch();
    const folded = foldBatchNorm(
      values.get('w1') ?? new Float32Array(),
      null,
      batchNormValues(values, 'bn1'),
    );
    const plain = new GraphBuilder();
    const conv = plain.conv(plain.input('x', [1, 3, 8, 8]), plain.parameter('w', [4, 3, 3, 3]), {
      bias: plain.parameter('b', [4]),
      stride: 2,
      padding: 1,
    });
    const results: (Float32Array | undefined)[] = [];
    const x = uniform([2, 3, 8, 8], 79);
    const both: [GraphBuilder, Tensor, ReadonlyMap<string, Float32Array>][] = [
      [g, normed, values],
      [
        plain,
        conv,
        new Map([
          ['w', folded.weights],
          ['b', folded.bias],
        ]),
      ],
    ];
    for (const [graph, y, parameters] of both) {
      const forward = await ForwardSession.open(graph, { outputs: { y }, values: parameters, threads: 1 });
      opened.push(forward);
      results.push((await forward.run({ x }, 2)).y);
    }
    expectClose(results[1], results[0]);
  });

  it('includes the bias of the convolution', () => {
    const norm = {
      scale: Float32Array.of(2),
      bias: Float32Array.of(1),
      mean: Float32Array.of(3),
      variance: Float32Array.of(4),
    };
    expect(foldBatchNorm(Float32Array.of(1, 5), Float32Array.of(7), norm, 0)).toEqual({
      weights: Float32Array.of(1, 5),
      bias: Float32Array.of(5),
    });
    expect(() => foldBatchNorm(new Float32Array(3), null, { ...norm, scale: new Float32Array(2) })).toThrow(
      /weights for 2 filters, found 3/,
    );
    expect(() => batchNormValues(new Map(), 'bn')).toThrow(/expected bn.scale, found none/);
  });
});
