import { expect, it } from 'vitest';
import type { Goal } from '../model/goals.js';
import { exitFacts } from './exit-facts.js';

const inputs = {
  costs: [0.3, 0.6, 1.1],
  onDevices: [
    { stages: 1, weight: 3 },
    { stages: 2, weight: 1 },
  ],
  stageSeconds: [0.1, 0.01, 0.02],
  samplesPerSecond: 50,
  late: null,
};
const cloudSeconds: Goal = { kind: 'cloudSeconds', perSecond: 1 };
const latency: Goal = { kind: 'latency', targetMs: 80, quantile: 0.95 };

it('weights devices by their samples', () => {
  const { facts, unknown } = exitFacts(inputs, [cloudSeconds]);
  expect(facts.inCloud).toEqual([0, 0.75, 1]);
  // At the last exit, one device runs stages 1 and 2 in the cloud, the other only stage 2.
  expect(facts.cloudSeconds.map((seconds) => Number(seconds.toFixed(6)))).toEqual([0, 0.0075, 0.0275]);
  expect(facts.samplesPerSecond).toBe(50);
  expect(unknown).toEqual([]);
});

it('names missing information that the goals need', () => {
  const without = { ...inputs, stageSeconds: [] };
  expect(exitFacts(without, [latency]).unknown).toEqual([expect.stringContaining('against 80 ms')]);
  expect(exitFacts(without, [cloudSeconds])).toMatchObject({
    facts: { cloudSeconds: [0, 0, 0] },
    unknown: [expect.stringContaining('No worker has reported')],
  });
  expect(exitFacts({ ...inputs, onDevices: [] }, []).unknown).toEqual([expect.stringContaining('No device')]);
  // If devices run all stages, the workers' speed does not matter.
  const alone = { ...without, onDevices: [{ stages: 3, weight: 1 }] };
  expect(exitFacts(alone, [cloudSeconds]).unknown).toEqual([]);
});
