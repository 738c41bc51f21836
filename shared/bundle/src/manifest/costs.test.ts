import { expect, test } from 'vitest';
import { exitCosts, exitMacs, stageMacs } from './costs.js';

const branch = (macs: number) => ({
  cutPoint: '',
  body: { kind: 'pool' as const, grid: 1 },
  macs,
  parameters: 0,
});
const model = {
  backbone: { macs: 1_000 },
  stages: [
    { segmentMacs: 300, branch: branch(10) },
    { segmentMacs: 200, branch: branch(20) },
    { segmentMacs: 500, branch: null },
  ],
};

test('a sample pays for every segment and branch up to its exit', () => {
  expect([0, 1, 2, 3].map((stage) => stageMacs(model, stage))).toEqual([310, 220, 500, 0]);
  expect(exitMacs(model)).toEqual([310, 530, 1_030]);
  expect(exitCosts(model)).toEqual([0.31, 0.53, 1.03]);
});
