import { canaryPlace } from '@offramp/shared';
import { describe, expect, it } from 'vitest';
import {
  addToCanary,
  type Canary,
  type CanaryWindow,
  canaryBelow,
  canaryFault,
  newCanary,
  nextShare,
  noAnswers,
} from './canary.js';

const stable = {
  ...{
    group: 'g',
    version: 1,
    thresholds: [0.9],
    bundleDigest: null,
    author: '',
    reason: '',
    auditRate: 0.02,
  },
  ...{ maxAuditBytesPerHour: 1, latencyTargetMs: 80 },
};
const start = newCanary({ version: 2, share: 0.1, below: 1_000, stable }, noAnswers);
const names = (count: number) => Array.from({ length: count }, (_, i) => `cam-${i}`);

function window(
  samples: number,
  counts: { degraded?: number; late?: number; disagreed?: number } = {},
): CanaryWindow {
  const { degraded = 0, late = 0, disagreed = 0 } = counts;
  const auditRate = 0.1;
  const records = Array.from({ length: samples * auditRate }, (_, i) => ({
    leftAt: 0,
    exits: [{ bin: 60, agreed: i >= disagreed }],
  }));
  return {
    ...{
      thresholds: [0.8],
      auditRate,
      left: [samples - degraded, 0],
      exits: [{ histogram: [] }],
      offloaded: 0,
    },
    ...{ audited: records.length, auditedFinal: 0, recordsDropped: 0, records },
    ...{ auditsDropped: { busy: 0, budget: 0, failed: 0 }, degraded, late: [late, 0], latencyTargetMs: 80 },
  };
}

const after = (tried: CanaryWindow, others: CanaryWindow): Canary =>
  addToCanary(start, [tried], [others], 80);

describe('canaryBelow', () => {
  it.each([
    [2, 0.1, 1],
    [10, 0.25, 3],
    [100, 0.01, 1],
    [100, 1, 99],
  ])('takes in of %d devices a share of %d: %d', (devices, share, expected) => {
    const below = canaryBelow('g', 7, names(devices), share) ?? 0;
    expect(names(devices).filter((name) => canaryPlace('g', 7, name) < below)).toHaveLength(expected);
  });

  it('tries nothing on one device alone', () => {
    expect(canaryBelow('g', 7, ['only'], 0.5)).toBeNull();
    expect(canaryBelow('g', 7, [], 0.5)).toBeNull();
  });
});

describe('canaryFault', () => {
  it('finds none where canaries do as the others', () => {
    expect(
      canaryFault(
        after(window(300, { degraded: 9, late: 6 }), window(900, { degraded: 30, late: 15 })),
        0.02,
      ),
    ).toBeNull();
  });

  it('finds that more are degraded, late, or disagree', () => {
    expect(canaryFault(after(window(200, { degraded: 40 }), window(600, { degraded: 20 })), null)).toMatch(
      /^20 % of its samples were answered by a branch .* against 3.3 % of the others'$/,
    );
    expect(canaryFault(after(window(200, { late: 60 }), window(600, { late: 30 })), null)).toContain('later');
    expect(canaryFault(after(window(300, { disagreed: 12 }), window(600)), 0.02)).toContain(
      '12 of its audits',
    );
  });

  it('does not hold what is common to all against them, nor a few samples', () => {
    expect(
      canaryFault(after(window(200, { degraded: 100 }), window(600, { degraded: 300 })), null),
    ).toBeNull();
    expect(canaryFault(after(window(10, { late: 2 }), window(600, { late: 5 })), null)).toBeNull();
    expect(canaryFault(after(window(100, { disagreed: 1 }), window(600)), 0.02)).toBeNull();
  });

  it('does not hold against them that nobody counts late answers of the others, or counts them against something else', () => {
    const [tried, others] = [window(200, { late: 60 }), window(600, { late: 30 })];
    for (const latencyTargetMs of [null, 500]) {
      expect(canaryFault(after(tried, { ...others, latencyTargetMs }), null)).toBeNull();
    }
    const some = addToCanary(start, [tried], [others, { ...window(6_000), late: [] }], 80);
    expect(some.others).toMatchObject({ samples: 6_600, timed: 600, late: 30 });
  });

  it.each(['late', 'degraded'] as const)(
    'does not hold against them what they have always done: %s',
    (fault) => {
      const canary = after(window(200, { [fault]: 60 }), window(600, { [fault]: 10 }));
      const before = (had: number) => ({ ...noAnswers, samples: 400, timed: 400, [fault]: had });
      expect(canaryFault({ ...canary, before: before(120) }, null)).toBeNull();
      expect(canaryFault({ ...canary, before: before(15) }, null)).toContain('30 % of its samples');
    },
  );
});

it('goes on by samples of canaries alone: to a quarter of devices, then to all', () => {
  const options = { share: 0.1, samples: 100 };
  expect(nextShare(after(window(90), window(10_000)), options)).toBeNull();
  expect(nextShare(after(window(100), window(0)), options)).toBe(0.25);
  expect(nextShare({ ...after(window(100), window(0)), share: 0.25 }, options)).toBe(1);
});

it('remembers no more audits than it needs', () => {
  let canary = start;
  for (let i = 1; i <= 40; i++)
    canary = addToCanary(canary, [{ ...window(100), auditRate: i / 100 }], [], 80);
  expect(canary.audits.length).toBeLessThanOrEqual(16);
  expect(canary.audits.reduce((sum, { samples }) => sum + samples, 0)).toBe(4_000);
});
