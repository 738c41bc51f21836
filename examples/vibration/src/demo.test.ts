import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runDemo } from './demo.js';
import { networkModel, trainNetwork } from './network.js';
import { modelPath } from './paths.js';
import { kinds } from './signal.js';
import { makeWindows } from './windows.js';

describe('the example of vibration', () => {
  it('goes from the model to answers over HTTP, some of which the worker gives', async () => {
    let output = '';
    const outcomes = await runDemo({
      ...{ trainingWindows: 2_000, windows: 100 },
      write: (text) => {
        output += text;
      },
    });
    expect(output).toContain('input signal 2×512, output logits 4 logits');
    expect(output).toContain('augment takes tensors of 2×512 from NumPy files');
    expect(output).toContain('100 windows of 2×512 float32 over HTTP');
    expect(outcomes.map(({ name, windows }) => [name, windows])).toEqual([
      ...kinds.map((kind) => [kind, 25]),
      ['all', 100],
    ]);
    const all = outcomes.at(-1);
    expect(all?.degraded).toBe(0);
    expect(all?.agreeing).toBeGreaterThanOrEqual(90);
    expect(all?.right).toBeGreaterThanOrEqual(85);
    expect(all?.offloaded).toBeGreaterThan(0);
    expect(all?.offloaded).toBeLessThan(100);
  });

  it('has a model that its own script makes', async () => {
    const losses: number[] = [];
    const values = await trainNetwork(
      () => makeWindows(64, 1),
      3,
      (_, loss) => losses.push(loss),
    );
    expect(losses[2]).toBeLessThan(losses[0] as number);
    const [made, committed] = [networkModel(values), await readFile(modelPath)];
    expect(made.byteLength).toBe(committed.byteLength);
    expect(committed.byteLength).toBeLessThan(200_000);
  });

  it('has windows that are the same for the same seed', () => {
    const [a, b, other] = [makeWindows(8, 5), makeWindows(8, 5), makeWindows(8, 6)];
    expect(a).toEqual(b);
    expect(a.signals[0]).not.toEqual(other.signals[0]);
    expect(a.labels).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  });
});
