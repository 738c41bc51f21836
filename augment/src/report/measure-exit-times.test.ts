import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bundle } from '@offramp/bundle';
import { openDataset } from '@offramp/data';
import { expect, test } from 'vitest';
import { measureExitTimes } from './measure-exit-times.js';

const example = fileURLToPath(new URL('../../../examples/fashion-mnist', import.meta.url));

const bundlePath = join(example, 'bundle');
const open = () => openDataset(join(example, 'data'), { split: 'test' });

test('every exit takes longer than the one before, and the last one all', async () => {
  const bundle = await Bundle.open(bundlePath);
  const dataset = await open();
  const progress: string[] = [];
  const times = await measureExitTimes(bundle, dataset, {
    batchSizes: [2, 1],
    repetitions: 3,
    onProgress: (done, total) => progress.push(`${done}/${total}`),
  });
  expect(times.map(({ batchSize, repetitions }) => [batchSize, repetitions])).toEqual([
    [2, 3],
    [1, 3],
  ]);
  for (const { cpuMs, wallMs, costs } of times) {
    for (const values of [cpuMs, wallMs, costs]) {
      expect(values).toHaveLength(bundle.branches + 1);
      expect(values).toEqual([...values].sort((a, b) => a - b));
      expect(values[0]).toBeGreaterThan(0);
    }
    expect(costs.at(-1)).toBe(1);
  }
  expect(progress).toEqual(['1/6', '2/6', '3/6', '4/6', '5/6', '6/6']);
});

test('three repetitions are enough after the time limit', async () => {
  const options = { batchSizes: [1, 2], repetitions: 1_000, maxMs: 0 };
  const times = await measureExitTimes(await Bundle.open(bundlePath), await open(), options);
  expect(times.map(({ repetitions }) => repetitions)).toEqual([3, 3]);
});
