import { elementsOf } from '@offramp/bundle';
import { afterEach, describe, expect, it } from 'vitest';
import { ForwardSession } from './forward-session.js';
import { GraphBuilder } from './graph-builder.js';
import { given } from './initialise.js';
import type { Tensor } from './tensor.js';
import { uniform } from './testing/evaluation.js';
import { TrainingStep, type TrainingStepOptions } from './training-step.js';

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

async function compile(graph: GraphBuilder, loss: Tensor, options: Partial<TrainingStepOptions> = {}) {
  const step = await TrainingStep.compile(graph, loss, { seed: 1, threads: 2, ...options });
  opened.push(step);
  return step;
}

/** Loss ½ Σ (w − x)²: its gradient is w − x. */
function bowl(start: readonly number[]) {
  const g = new GraphBuilder();
  const w = g.parameter('w', [start.length], given(Float32Array.from(start)));
  const x = g.input('x', [start.length]);
  const distance = g.sub(w, x);
  return { g, loss: g.mul(g.sum(g.mul(distance, distance)), 0.5) };
}

/** Pictures with noise and one brighter quadrant, whose number is the class. */
function quadrants(count: number, seed: number) {
  const pictures = uniform([count, 1, 12, 12], seed);
  const classes = Int32Array.from({ length: count }, (_, i) => (i * 7 + seed) % 4);
  classes.forEach((quadrant, i) => {
    for (let y = 0; y < 6; y++) {
      for (let x = 0; x < 6; x++) {
        const at = i * 144 + (y + 6 * (quadrant >> 1)) * 12 + x + 6 * (quadrant & 1);
        pictures[at] = (pictures[at] as number) + 0.5;
      }
    }
  });
  return { pictures, classes };
}

function quadrantNet(batch: number) {
  const g = new GraphBuilder();
  const x = g.input('pictures', [batch, 1, 12, 12]);
  const target = g.integerInput('classes', [batch]);
  const first = g.relu(g.batchNorm(g.conv(x, g.parameter('w1', [8, 1, 3, 3]), { padding: 1 }), 'bn1'));
  const second = g.relu(
    g.batchNorm(g.conv(first, g.parameter('w2', [8, 8, 3, 3]), { stride: 2, padding: 1 }), 'bn2'),
  );
  const features = g.flatten(g.averagePool(second, { kernel: 3 }));
  const logits = g.linear(features, g.parameter('wc', [32, 4]), g.parameter('bc', [4]));
  const loss = g.neg(g.mean(g.gatherColumn(g.logSoftmax(logits), target)));
  return { g, logits, loss };
}

async function trainQuadrants(step: TrainingStep, from: number, to: number): Promise<number[]> {
  const losses: number[] = [];
  for (let i = from; i < to; i++) losses.push((await step.step(quadrants(32, i), 0.02)).loss);
  return losses;
}

describe('TrainingStep', () => {
  it('fits a small convolutional net to a task', async () => {
    const { g, logits, loss } = quadrantNet(32);
    const step = await compile(g, loss);
    const losses = await trainQuadrants(step, 0, 40);
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);

    const forward = await ForwardSession.open(g, { outputs: { logits }, values: step.parameters() });
    opened.push(forward);
    const count = 200;
    const unseen = quadrants(count, 1000);
    const { logits: scores = new Float32Array() } = await forward.run({ pictures: unseen.pictures }, count);
    const right = [...unseen.classes].filter((label, i) => {
      const row = [...scores.subarray(4 * i, 4 * i + 4)];
      return row.indexOf(Math.max(...row)) === label;
    });
    expect(right.length / count).toBeGreaterThan(0.95);
  });

  it('gives the same parameters for the same seed and inputs, bit for bit', async () => {
    const runs = [];
    for (const seed of [7, 7, 8]) {
      const { g, loss } = quadrantNet(32);
      const step = await compile(g, loss, { seed });
      await trainQuadrants(step, 0, 10);
      runs.push(step.parameters());
    }
    const [first, second, other] = runs;
    expect(second).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('resumes from a checkpoint with the same result as without a stop', async () => {
    const { g, loss } = quadrantNet(32);
    const whole = await compile(g, loss);
    await trainQuadrants(whole, 0, 5);
    const bytes = whole.save();
    const rest = await trainQuadrants(whole, 5, 10);

    const resumed = await compile(g, loss, { seed: 99 });
    resumed.load(bytes);
    expect(resumed.stepCount).toBe(5);
    expect(await trainQuadrants(resumed, 5, 10)).toEqual(rest);
    expect(resumed.parameters()).toEqual(whole.parameters());
  });

  it('rejects a checkpoint of another graph, a truncated one, and other bytes', async () => {
    const { g, loss } = bowl([0, 0]);
    const step = await compile(g, loss);
    const other = bowl([0, 0, 0]);
    const otherStep = await compile(other.g, other.loss);
    const before = step.parameters();
    expect(() => step.load(otherStep.save())).toThrow(/expected .*w 2.*; found .*w 3/);
    expect(() => step.load(step.save().subarray(0, -4))).toThrow(/expected 24 bytes of values, found 20/);
    expect(() => step.load(Uint8Array.of(1, 2, 3))).toThrow(
      expect.objectContaining({ code: 'TENSOR_INVALID' }),
    );
    expect(step.parameters()).toEqual(before);
  });

  it('makes the steps of Adam with decoupled weight decay', async () => {
    const { g, loss } = bowl([1, -2]);
    const options = { beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1, decays: () => true };
    const step = await compile(g, loss, { optimizer: options });
    const w = [1, -2];
    const m = [0, 0];
    const v = [0, 0];
    for (let t = 1; t <= 5; t++) {
      const x = [0.5 * t, -0.25];
      const learningRate = 0.1 / t;
      const result = await step.step({ x: Float32Array.from(x) }, learningRate);
      const squares = w.map((value, i) => (value - (x[i] as number)) ** 2);
      expect(result.loss).toBeCloseTo(0.5 * squares.reduce((sum, value) => sum + value, 0), 5);
      for (const i of [0, 1]) {
        const gradient = (w[i] as number) - (x[i] as number);
        m[i] = 0.8 * (m[i] as number) + 0.2 * gradient;
        v[i] = 0.95 * (v[i] as number) + 0.05 * gradient ** 2;
        const mean = (m[i] as number) / (1 - 0.8 ** t);
        const root = Math.sqrt((v[i] as number) / (1 - 0.95 ** t));
        w[i] = (w[i] as number) * (1 - learningRate * 0.1) - (learningRate * mean) / (root + 1e-3);
      }
    }
    const found = step.parameters().get('w') ?? [];
    expect(found).toHaveLength(2);
    w.forEach((value, i) => {
      expect(found[i]).toBeCloseTo(value, 5);
    });
  });

  it('applies decay only to weights, not biases, by default', async () => {
    const g = new GraphBuilder();
    const weights = g.parameter('weights', [1, 1], given(Float32Array.of(1)));
    const bias = g.parameter('bias', [1], given(Float32Array.of(1)));
    const loss = g.mul(g.add(g.sum(weights), g.sum(bias)), 0);
    const step = await compile(g, loss, { optimizer: { weightDecay: 0.5 } });
    await step.step({}, 0.1);
    expect(step.parameters().get('weights')?.[0]).toBeCloseTo(0.95, 6);
    expect(step.parameters().get('bias')?.[0]).toBe(1);
  });

  it('does not change parameters that are not trained', async () => {
    const { g, loss } = quadrantNet(8);
    const step = await compile(g, loss, { trains: (name) => name.startsWith('wc') });
    const before = step.parameters();
    await step.step(quadrants(8, 1), 0.1);
    const after = step.parameters();
    expect(after.get('wc')).not.toEqual(before.get('wc'));
    for (const name of ['w1', 'w2', 'bc', 'bn1.scale']) expect(after.get(name)).toEqual(before.get(name));
  });

  it('starts from given values', async () => {
    const { g, loss } = bowl([1, 1]);
    const step = await compile(g, loss, { values: new Map([['w', Float32Array.of(3, 4)]]) });
    expect(step.parameters()).toEqual(new Map([['w', Float32Array.of(3, 4)]]));
    await expect(compile(g, loss, { values: new Map([['w', Float32Array.of(3)]]) })).rejects.toThrow(
      /w: expected 2 initial values, found 1/,
    );
  });

  it('keeps running statistics of batch norms: mean and unbiased variance', async () => {
    const g = new GraphBuilder();
    const shape = [4, 2, 3];
    const y = g.batchNorm(g.input('x', shape), 'bn', { momentum: 0.75 });
    const step = await compile(g, g.sum(g.mul(y, g.constant(uniform(shape, 9), shape))));
    const x = uniform(shape, 3);
    await step.step({ x }, 0);
    for (const channel of [0, 1]) {
      const values = [...x].filter((_, i) => Math.floor(i / 3) % 2 === channel);
      const mean = values.reduce((sum, value) => sum + value, 0) / 12;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 11;
      expect(step.parameters().get('bn.mean')?.[channel]).toBeCloseTo(0.25 * mean, 6);
      expect(step.parameters().get('bn.variance')?.[channel]).toBeCloseTo(0.75 + 0.25 * variance, 6);
    }
  });

  it('returns other tensors besides the loss', async () => {
    const { g, loss, logits } = quadrantNet(8);
    const step = await compile(g, loss, { outputs: { logits, doubled: g.mul(logits, 2) } });
    const { outputs } = await step.step(quadrants(8, 1), 0.01);
    expect(outputs.logits).toHaveLength(elementsOf([8, 4]));
    expect(outputs.doubled).toEqual(outputs.logits?.map((value) => 2 * value));
  });

  it('stops at a loss that is not a number and keeps the parameters', async () => {
    const { g, loss } = bowl([1]);
    const step = await compile(g, loss);
    await step.step({ x: Float32Array.of(0) }, 0.1);
    const before = step.parameters();
    await expect(step.step({ x: Float32Array.of(Number.NaN) }, 0.1)).rejects.toThrow(
      expect.objectContaining({ code: 'TRAINING_FAILED', message: 'the loss is NaN at step 2' }),
    );
    expect(step.parameters()).toEqual(before);
    await step.step({ x: Float32Array.of(0) }, 0.1);
    expect(step.stepCount).toBe(2);
  });

  it('rejects inputs of a wrong length, and two steps at once', async () => {
    const { g, loss } = bowl([1, 2]);
    const step = await compile(g, loss);
    await expect(step.step({}, 0.1)).rejects.toThrow(/input x: expected 2 of Float32Array, found nothing/);
    await expect(step.step({ x: new Float32Array(3) }, 0.1)).rejects.toThrow(/found 3 of Float32Array/);
    await expect(step.step({ x: new Int32Array(2) }, 0.1)).rejects.toThrow(/found 2 of Int32Array/);
    const running = step.step({ x: new Float32Array(2) }, 0.1);
    await expect(step.step({ x: new Float32Array(2) }, 0.1)).rejects.toThrow(/before the last one ended/);
    await running;
  });
});
