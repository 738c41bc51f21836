import { describe, expect, it } from 'vitest';
import { after, start, window } from '../testing/canary-windows.js';
import { addToCanary, noAnswers } from './canary.js';
import { canaryHarm } from './canary-harm.js';

describe('canaryHarm', () => {
  it('finds none if canaries do as well as the others', () => {
    expect(
      canaryHarm(after(window(300, { degraded: 9, late: 6 }), window(900, { degraded: 30, late: 15 })), 0.02),
    ).toBeNull();
  });

  it('finds more degraded, late or disagreeing answers', () => {
    expect(canaryHarm(after(window(200, { degraded: 40 }), window(600, { degraded: 20 })), null)).toEqual({
      ...{ kind: 'degraded', share: 0.2, othersShare: 20 / 600 },
    });
    expect(canaryHarm(after(window(200, { late: 60 }), window(600, { late: 30 })), null)).toMatchObject({
      kind: 'late',
    });
    expect(canaryHarm(after(window(300, { disagreed: 12 }), window(600)), 0.02)).toEqual({
      ...{ kind: 'disagreement', disagreed: 12 },
    });
  });

  it('ignores faults that all devices share, and few samples', () => {
    expect(
      canaryHarm(after(window(200, { degraded: 100 }), window(600, { degraded: 300 })), null),
    ).toBeNull();
    expect(canaryHarm(after(window(10, { late: 2 }), window(600, { late: 5 })), null)).toBeNull();
    expect(canaryHarm(after(window(100, { disagreed: 1 }), window(600)), 0.02)).toBeNull();
  });

  it('ignores late answers if the others have no counts, or counts against another target', () => {
    const [tried, others] = [window(200, { late: 60 }), window(600, { late: 30 })];
    for (const latencyTargetMs of [null, 500]) {
      expect(canaryHarm(after(tried, { ...others, latencyTargetMs }), null)).toBeNull();
    }
    const some = addToCanary(start, [tried], [others, { ...window(6_000), late: [] }], 80);
    expect(some.others).toMatchObject({ samples: 6_600, timed: 600, late: 30 });
  });

  it.each(['late', 'degraded'] as const)('ignores faults that canaries had before: %s', (fault) => {
    const canary = after(window(200, { [fault]: 60 }), window(600, { [fault]: 10 }));
    const before = (had: number) => ({ ...noAnswers, samples: 400, timed: 400, [fault]: had });
    expect(canaryHarm({ ...canary, before: before(120) }, null)).toBeNull();
    expect(canaryHarm({ ...canary, before: before(15) }, null)).toMatchObject({ kind: fault, share: 0.3 });
  });
});
