import { describe, expect, it } from 'vitest';
import { ceilingOf, chooseCandidate, type Goal } from './goals.js';

const agreement: Goal = { kind: 'agreement', floor: 0.98 };
const offload: Goal = { kind: 'offload', ceiling: 0.2 };
const latency: Goal = { kind: 'latency', targetMs: 80, quantile: 0.95 };
const facts = {
  cost: [0.2, 0.6, 1],
  inCloud: [0, 1, 1],
  cloudSeconds: [0, 0.01, 0.02],
  samplesPerSecond: 50,
  lateShares: (targetMs: number) => (targetMs === 80 ? [0, 0.1, 0.5] : [0, 0, 0]),
};

describe('ceilingOf', () => {
  it('turns every goal except agreement into a limit of a mean', () => {
    expect(ceilingOf(offload, facts)).toEqual({ perExit: [0, 1, 1], limit: 0.2 });
    expect(ceilingOf({ kind: 'cloudSeconds', perSecond: 0.3 }, facts)).toEqual({
      perExit: [0, 0.5, 1],
      limit: 0.3,
    });
    expect(ceilingOf(latency, facts)).toEqual({ perExit: [0, 0.1, 0.5], limit: expect.closeTo(0.05) });
  });
});

describe('chooseCandidate', () => {
  it('takes the cheapest candidate with enough agreement', () => {
    expect(chooseCandidate([{ goal: agreement, first: 0, last: 60 }], 100)).toEqual({
      candidate: 60,
      unmet: [],
      limitedBy: agreement,
    });
  });

  it('takes the safest under a ceiling alone', () => {
    expect(chooseCandidate([{ goal: offload, first: 30, last: 99 }], 100)).toEqual({
      candidate: 30,
      unmet: [],
      limitedBy: offload,
    });
  });

  it('meets both goals if both can be met', () => {
    const ranges = [
      { goal: offload, first: 30, last: 99 },
      { goal: agreement, first: 0, last: 60 },
    ];
    expect(chooseCandidate(ranges, 100)).toMatchObject({ candidate: 60, unmet: [] });
  });

  it('prefers the more important goal, and gets as close to the other as possible', () => {
    const ceiling = { goal: offload, first: 70, last: 99 };
    const floor = { goal: agreement, first: 0, last: 60 };
    expect(chooseCandidate([ceiling, floor], 100)).toMatchObject({ candidate: 70, unmet: [agreement] });
    expect(chooseCandidate([floor, ceiling], 100)).toMatchObject({ candidate: 60, unmet: [offload] });
    expect(chooseCandidate([floor, ceiling, { goal: latency, first: 90, last: 99 }], 100)).toMatchObject({
      candidate: 60,
      unmet: [offload, latency],
    });
  });

  it('gets as close as possible to a goal that no candidate meets', () => {
    expect(chooseCandidate([{ goal: latency, first: 100, last: 99 }], 100)).toMatchObject({
      candidate: 99,
      unmet: [latency],
    });
  });
});
