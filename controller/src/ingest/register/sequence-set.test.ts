import { describe, expect, it } from 'vitest';
import { SequenceSet } from './sequence-set.js';

const added = (set: SequenceSet, ...sequences: number[]) => sequences.map((sequence) => set.add(sequence));

describe('SequenceSet', () => {
  it('distinguishes new from repeated numbers in any order', () => {
    const set = new SequenceSet();
    expect(added(set, 1, 2, 2, 5, 4, 4, 1, 3, 3, 6)).toEqual([
      ...[true, true, false, true, true, false, false, true, false, true],
    ]);
    expect(set).toMatchObject({ first: 1, last: 6, missing: 0 });
  });

  it('counts missing numbers between the first and the last', () => {
    const set = new SequenceSet();
    added(set, 10, 20);
    expect(set.missing).toBe(9);
    added(set, 15, 11, 19);
    expect(set.missing).toBe(6);
    expect(added(set, 7, 8, 9, 7)).toEqual([true, true, true, false]);
    expect(set).toMatchObject({ first: 7, last: 20, missing: 6 });
  });

  it('agrees with a complete set', () => {
    const set = new SequenceSet();
    const all = new Set<number>();
    let state = 1;
    for (let i = 0; i < 2_000; i++) {
      state = (state * 48_271) % 2_147_483_647;
      const sequence = 1 + (state % 120);
      expect(set.add(sequence)).toBe(!all.has(sequence));
      all.add(sequence);
      expect(set.missing).toBe(Math.max(...all) - Math.min(...all) + 1 - all.size);
    }
  });

  it('drops the oldest gaps when there are too many, and still counts them as missing', () => {
    const set = new SequenceSet();
    for (let sequence = 1; sequence <= 1_001; sequence += 2) set.add(sequence);
    expect(set.missing).toBe(500);
    expect(added(set, 2, 1_000)).toEqual([false, true]);
    expect(set.missing).toBe(499);
  });
});
