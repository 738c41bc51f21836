import { afterEach, describe, expect, it } from 'vitest';
import { GraphBuilder } from './graph-builder.js';
import { uniform } from './testing/evaluation.js';
import { stepPeakBytes } from './training-graph.js';
import { TrainingStep } from './training-step.js';

const opened: TrainingStep[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

const batch = 24;
const inputs = {
  pictures: uniform([batch, 2, 6, 6], 1),
  classes: Int32Array.from({ length: batch }, (_, i) => i % 3),
};

/** A convolution and a linear layer; the loss is a mean over the batch. */
function net(size: number, microBatches: number, normalised: boolean) {
  const g = new GraphBuilder(microBatches);
  const x = g.input('pictures', [size, 2, 6, 6]);
  const target = g.integerInput('classes', [size]);
  const convolved = g.conv(x, g.parameter('w', [4, 2, 3, 3]), { padding: 1 });
  const features = g.relu(normalised ? g.batchNorm(convolved, 'norm') : convolved);
  const logits = g.linear(g.flatten(features), g.parameter('wc', [144, 3]), g.parameter('bc', [3]));
  return { g, loss: g.neg(g.mean(g.gatherColumn(g.logSoftmax(logits), target))) };
}

async function open(microBatches: number, normalised = false) {
  const { g, loss } = net(batch / microBatches, microBatches, normalised);
  const optimizer = { weightDecay: 0.01 };
  const step = await TrainingStep.compile(g, loss, { seed: 1, threads: 1, microBatches, optimizer });
  opened.push(step);
  return step;
}

/** Runs a step on the whole batch, part by part. @returns the mean loss */
async function stepOn(step: TrainingStep, microBatches: number): Promise<number> {
  const part = <A extends Float32Array | Int32Array>(values: A, i: number) =>
    values.slice((i * values.length) / microBatches, ((i + 1) * values.length) / microBatches) as A;
  let sum = 0;
  for (let i = 0; i < microBatches; i++) {
    const feeds = { pictures: part(inputs.pictures, i), classes: part(inputs.classes, i) };
    sum += (await step.step(feeds, 0.01)).loss;
  }
  return sum / microBatches;
}

function expectClose(found: ReadonlyMap<string, Float32Array>, expected: ReadonlyMap<string, Float32Array>) {
  expect([...found.keys()]).toEqual([...expected.keys()]);
  for (const [name, values] of expected) {
    const different = values.map((value, i) => Math.abs(value - (found.get(name)?.[i] ?? Number.NaN)));
    expect(Math.max(...different), name).toBeLessThan(2e-4);
  }
}

describe('micro-batches', () => {
  it.each([2, 3, 8])('take the steps of the whole batch in %d parts', async (parts) => {
    const [whole, divided] = [await open(1), await open(parts)];
    const before = whole.parameters();
    for (let i = 1; i <= 5; i++) {
      expect(await stepOn(divided, parts)).toBeCloseTo(await stepOn(whole, 1), 4);
      expect(divided.stepCount).toBe(i);
    }
    expectClose(divided.parameters(), whole.parameters());
    expect(divided.parameters().get('w')).not.toEqual(before.get('w'));
  });

  it('change parameters only when the step is whole, and resume from a checkpoint there', async () => {
    const step = await open(2);
    await stepOn(step, 2);
    const saved = step.save();
    const before = step.parameters();
    const half = { pictures: inputs.pictures.slice(0, 12 * 72), classes: inputs.classes.slice(0, 12) };
    await step.step(half, 0.01);
    expect(step.parameters()).toEqual(before);
    expect(step.stepCount).toBe(1);
    await step.step(half, 0.01);
    expect(step.parameters().get('w')).not.toEqual(before.get('w'));

    const resumed = await open(2);
    resumed.load(saved);
    for (let i = 0; i < 2; i++) await resumed.step(half, 0.01);
    expect(resumed.parameters()).toEqual(step.parameters());
  });

  it('move running statistics as far as a whole batch does', async () => {
    const [whole, divided] = [await open(1, true), await open(4, true)];
    await stepOn(whole, 1);
    await stepOn(divided, 4);
    const variance = (step: TrainingStep) => step.parameters().get('norm.variance') as Float32Array;
    variance(divided).forEach((value, i) => {
      // From 1, by a tenth of the way to the batch's own.
      const moved = 1 - (variance(whole)[i] as number);
      expect((1 - value) / moved).toBeGreaterThan(0.85);
      expect((1 - value) / moved).toBeLessThan(1.15);
    });
  });

  it('take less memory, in proportion', () => {
    const peak = (parts: number) => {
      const { g, loss } = net(batch / parts, parts, true);
      return stepPeakBytes(g, loss, {});
    };
    // Convolution and normalised values, each batch × 4 × 6 × 6 float32, live at least at the same time.
    expect(peak(1)).toBeGreaterThan(2 * batch * 144 * 4);
    expect(peak(1)).toBeLessThan(20 * batch * 144 * 4);
    expect(peak(4)).toBeLessThan(peak(1) / 3);
  });
});
