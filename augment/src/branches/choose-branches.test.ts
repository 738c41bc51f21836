import type { CalibrationTable } from '@offramp/bundle';
import { describe, expect, it } from 'vitest';
import { type Candidate, chooseBranches } from './choose-branches.js';

const samples = 1_000;

/** A branch that is confident and right on the first `easy` samples, and guesses on the others. */
function branchFor(easy: number): CalibrationTable['branches'][number] {
  const sure = (i: number) => i < easy;
  return {
    confidence: Array.from({ length: samples }, (_, i) => (sure(i) ? 0.99 - i * 1e-6 : 0.2)),
    agrees: Array.from({ length: samples }, (_, i) => (sure(i) ? '1' : '0')).join(''),
  };
}

const choose = (candidates: (Candidate & { easy: number })[], most = 6) => {
  const branches = candidates.map(({ easy }) => branchFor(easy));
  const table: CalibrationTable = { samples, correct: null, branches };
  return chooseBranches(table, candidates, 100, { agreement: 0.98, most });
};
const chosen = (...args: Parameters<typeof choose>) => choose(...args).chosen;

describe('chooseBranches', () => {
  it('weighs the answers of a branch against the cost of the branch and its place', () => {
    expect(
      chosen([
        { cumulativeMacs: 10, macs: 1, easy: 500 },
        { cumulativeMacs: 10, macs: 15, easy: 520 },
        { cumulativeMacs: 50, macs: 1, easy: 900 },
      ]),
    ).toEqual([0, 2]);
    expect(
      chosen([
        { cumulativeMacs: 10, macs: 1, easy: 500 },
        { cumulativeMacs: 10, macs: 15, easy: 1_000 },
        { cumulativeMacs: 50, macs: 1, easy: 1_000 },
      ]),
    ).toEqual([1]);
  });

  it('leaves out a branch that saves too little for another stage', () => {
    expect(
      chosen([
        { cumulativeMacs: 10, macs: 1, easy: 900 },
        { cumulativeMacs: 90, macs: 1, easy: 915 },
      ]),
    ).toEqual([0]);
  });

  it('drops an earlier choice when two others together are cheaper', () => {
    // Alone, the middle one saves most; with the outer two it only costs.
    expect(
      chosen(
        [
          { cumulativeMacs: 10, macs: 1, easy: 450 },
          { cumulativeMacs: 40, macs: 4, easy: 760 },
          { cumulativeMacs: 45, macs: 1, easy: 780 },
        ],
        2,
      ),
    ).toEqual([0, 2]);
  });

  it('chooses at most the requested number', () => {
    const many = Array.from({ length: 9 }, (_, i) => ({
      cumulativeMacs: 10 * i + 5,
      macs: 0,
      easy: 110 * (i + 1),
    }));
    expect(chosen(many, 3)).toHaveLength(3);
    expect(chosen(many).length).toBeGreaterThan(3);
  });

  it('chooses no exit that costs more than the backbone', () => {
    expect(choose([{ cumulativeMacs: 50, macs: 60, easy: 1_000 }])).toMatchObject({
      chosen: [],
      pays: false,
    });
    // The second alone would do, but not after the first.
    const two = [
      { cumulativeMacs: 10, macs: 20, easy: 500 },
      { cumulativeMacs: 70, macs: 15, easy: 1_000 },
    ];
    expect(chosen(two)).toEqual([0]);
    expect(chosen(two.slice(1))).toEqual([0]);
  });

  it('says what the best comes to where none saves enough', () => {
    const { chosen, cost, pays } = choose([
      { cumulativeMacs: 97, macs: 2, easy: 900 },
      { cumulativeMacs: 50, macs: 30, easy: 100 },
    ]);
    expect({ chosen, pays }).toEqual({ chosen: [0], pays: false });
    expect(cost).toBeCloseTo(0.993, 3);
  });
});
