import { describe, expect, it } from 'vitest';
import type { StageOutput, StageRunner } from '../inference/stage-runner.js';
import { argMax, type CascadeSample, runStage } from './cascade.js';

interface Named extends CascadeSample {
  name: string;
}

const sample = (name: string, ...thresholds: number[]): Named => ({ name, thresholds, passed: [] });

/** Returns this output for any input. */
const runner = (output: StageOutput): StageRunner => ({ run: async () => output });

/** Of two labels: the second is likelier for odd rows. Activations are row.column, like 2.1. */
function outputOf(confidences: number[], last = false): StageOutput {
  const rows = confidences.map((_, row) => row);
  return {
    activation: last ? null : Float32Array.from(rows.flatMap((row) => [row + 0.25, row + 0.5])),
    probabilities: Float32Array.from(rows.flatMap((row) => (row % 2 ? [0.25, 0.75] : [0.75, 0.25]))),
    confidence: Float32Array.from(confidences),
  };
}

describe('runStage', () => {
  it('answers confident samples and keeps the others in order', async () => {
    const samples = ['a', 'b', 'c', 'd', 'e'].map((name) => sample(name, 0.5, 0.5));
    const output = outputOf([0.25, 0.5, 0.125, 0.75, 0.25]);
    const step = await runStage(runner(output), 0, samples, new Float32Array(5));
    expect(
      step.answered.map((answer) => [answer.sample.name, answer.outcome, [...answer.probabilities]]),
    ).toEqual([
      ['b', { exit: 0, label: 1, confidence: 0.5 }, [0.25, 0.75]],
      ['d', { exit: 0, label: 1, confidence: 0.75 }, [0.25, 0.75]],
    ]);
    expect(step.staying.map(({ name }) => name)).toEqual(['a', 'c', 'e']);
    expect([...step.activation]).toEqual([0.25, 0.5, 2.25, 2.5, 4.25, 4.5]);
    expect(samples.map(({ passed }) => passed.length)).toEqual([1, 0, 1, 0, 1]);
    expect(samples[2]?.passed).toEqual([{ exit: 0, label: 0, confidence: 0.125 }]);
  });

  it('follows each sample by its own thresholds, and appends the exits it passes', async () => {
    const samples = [sample('a', 0, 0.5), sample('b', 0, 0.9), sample('c', 0, 0), sample('d', 0, 2)];
    samples[1]?.passed.push({ exit: 0, label: 0, confidence: 0.1 });
    const step = await runStage(runner(outputOf([0.75, 0.75, 0.75, 1])), 1, samples, new Float32Array(4));
    expect(step.answered.map((answer) => answer.sample.name)).toEqual(['a', 'c']);
    expect(step.staying.map(({ name }) => name)).toEqual(['b', 'd']);
    expect(samples[1]?.passed).toEqual([
      { exit: 0, label: 0, confidence: 0.1 },
      { exit: 1, label: 1, confidence: 0.75 },
    ]);
  });

  it('lets no sample leave at an exit that yields no numbers, whatever the threshold, and names the samples', async () => {
    const samples = [sample('a', 0.1), sample('b', 0), sample('c', 0), sample('d', 0), sample('e', 0)];
    const output = outputOf([Number.NaN, Number.NaN, Number.POSITIVE_INFINITY, 1, 1]);
    output.probabilities[2 * 3] = Number.NaN;
    const step = await runStage(runner(output), 0, samples, new Float32Array(5));
    expect(step.answered.map((answer) => answer.sample.name)).toEqual(['e']);
    expect(step.staying.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
    expect(step.broken).toEqual(step.staying);
    expect(samples.flatMap(({ passed }) => passed.map(({ confidence }) => confidence))).toEqual([
      Number.NaN,
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ]);
  });

  it('ends a sample without an answer where the last exit yields no numbers', async () => {
    const samples = [sample('a', 2), sample('b', 2)];
    const step = await runStage(runner(outputOf([Number.NaN, 0.5], true)), 1, samples, new Float32Array(2));
    expect(step.answered.map((answer) => answer.sample.name)).toEqual(['b']);
    expect(step.broken.map(({ name }) => name)).toEqual(['a']);
    expect(step.staying).toEqual([]);
  });

  it('passes on all activations without copying, or none', async () => {
    const output = outputOf([0.25, 0.25]);
    const all = await runStage(runner(output), 0, [sample('a', 1), sample('b', 1)], new Float32Array(2));
    expect(all.activation).toBe(output.activation);
    expect(all.answered).toEqual([]);
    const none = await runStage(runner(outputOf([1])), 0, [sample('a', 1)], new Float32Array(1));
    expect(none.activation).toHaveLength(0);
    expect(none.staying).toEqual([]);
  });

  it('answers all samples at the last stage, whatever the confidence', async () => {
    const samples = [sample('a', 2), sample('b', 2)];
    const step = await runStage(runner(outputOf([0, 0.5], true)), 1, samples, new Float32Array(2));
    expect(step.answered.map((answer) => [answer.sample.name, answer.outcome.exit])).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    expect(step.activation).toHaveLength(0);
    expect(samples.map(({ passed }) => passed)).toEqual([[], []]);
  });

  it('fails with the error of the runner and records nothing', async () => {
    const failing: StageRunner = { run: () => Promise.reject(new Error('no memory')) };
    const one = sample('a', 1);
    await expect(runStage(failing, 0, [one], new Float32Array(1))).rejects.toThrow('no memory');
    expect(one.passed).toEqual([]);
  });
});

describe('argMax', () => {
  it.each([
    [[0.1, 0.7, 0.2], 1],
    [[0.5, 0.5], 0],
    [[-3, -1, -2], 1],
    [[4], 0],
  ])('of %j is %d', (values, index) => {
    expect(argMax(Float32Array.from(values))).toBe(index);
  });
});
