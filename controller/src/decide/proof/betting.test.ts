import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.js';
import { disagreementBounds, logCapitalForSafer, logCapitalForWorse } from './betting.js';

describe('betting', () => {
  it('starts with a capital of 1, which stays without samples', () => {
    expect(logCapitalForSafer([], 0.02)).toBeCloseTo(0);
    expect(disagreementBounds([], 0.05)).toEqual({ lower: 0, upper: 1 });
  });

  it('proves a low share from few samples that are all audited, and needs as many audits at a low audit rate', () => {
    const wanted = Math.log(20);
    expect(logCapitalForSafer([{ recordRate: 1, samples: 280, disagreed: 0 }], 0.02)).toBeGreaterThan(wanted);
    expect(logCapitalForSafer([{ recordRate: 1, samples: 140, disagreed: 0 }], 0.02)).toBeLessThan(wanted);
    expect(logCapitalForSafer([{ recordRate: 0.1, samples: 2_800, disagreed: 0 }], 0.02)).toBeGreaterThan(
      wanted,
    );
    expect(logCapitalForSafer([{ recordRate: 0.1, samples: 1_400, disagreed: 0 }], 0.02)).toBeLessThan(
      wanted,
    );
  });

  it('proves a violation', () => {
    expect(logCapitalForWorse([{ recordRate: 0.1, samples: 900, disagreed: 8 }], 0.02)).toBeGreaterThan(
      Math.log(20),
    );
    expect(logCapitalForWorse([{ recordRate: 0.1, samples: 900, disagreed: 2 }], 0.02)).toBeLessThan(0);
  });

  it('bounds hold at all times at once, at any audit rates, in more than 1 − δ of the runs', () => {
    const delta = 0.1;
    const truth = 0.03;
    const runs = 200;
    let broken = 0;
    let width = 0;
    for (let seed = 0; seed < runs; seed++) {
      const random = seededRandom(seed);
      const tallies = [1, 0.3, 0.05].map((recordRate) => ({ recordRate, samples: 0, disagreed: 0 }));
      let holds = true;
      for (let window = 0; window < 40; window++) {
        const tally = tallies[window % 3] as (typeof tallies)[number];
        for (let i = 0; i < 100; i++) {
          tally.samples++;
          if (random() < tally.recordRate && random() < truth) tally.disagreed++;
        }
        holds &&=
          logCapitalForSafer(tallies, truth) < -Math.log(delta) &&
          logCapitalForWorse(tallies, truth) < -Math.log(delta);
      }
      const { lower, upper } = disagreementBounds(tallies, delta);
      if (holds) expect(lower <= truth && truth <= upper).toBe(true);
      else broken++;
      width += (upper - lower) / runs;
    }
    // Each side may fail in a tenth of the runs.
    expect(broken / runs).toBeLessThan(2 * delta);
    expect(width).toBeLessThan(0.04);
  });
});
