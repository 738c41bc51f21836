import { describe, expect, it } from 'vitest';
import { CompactCounts } from './compact-counts.js';

/** The same numbers each time. */
function* pseudoRandom(count: number): Generator<number> {
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (state * 48_271) % 2_147_483_647;
    yield state;
  }
}

describe('CompactCounts', () => {
  it.each([5, 30, 500])('counts as a map does, of %i numbers, also below zero', (numbers) => {
    const counts = new CompactCounts();
    const map = new Map<number, number>();
    for (const random of pseudoRandom(2_000)) {
      const at = (random % numbers) - 20;
      counts.add(at, 1 + (random % 3));
      map.set(at, (map.get(at) ?? 0) + 1 + (random % 3));
    }
    expect(counts.sorted()).toEqual([...map].sort(([a], [b]) => a - b));
    expect(counts.slice(-3, 5)).toEqual([-3, -2, -1, 0, 1].map((at) => map.get(at) ?? 0));
  });

  it('keeps counts of any size exactly, among many others', () => {
    const counts = new CompactCounts();
    for (let at = 0; at < 100; at++) counts.add(at, at);
    for (const count of [65_535, 1, 2 ** 32, 2 ** 52]) counts.add(7, count);
    expect(counts.slice(6, 3)).toEqual([6, 7 + 65_536 + 2 ** 32 + 2 ** 52, 8]);
  });

  it('adds up with others, and leaves them as they are', () => {
    const [few, many] = [new CompactCounts(), new CompactCounts()];
    for (let at = 0; at < 100; at++) many.add(at, 1);
    few.add(3, 2);
    few.merge(many);
    many.merge(few);
    expect(few.slice(2, 3)).toEqual([1, 3, 1]);
    expect(many.slice(2, 3)).toEqual([2, 4, 2]);
  });

  it('has nothing where nothing was counted', () => {
    const counts = new CompactCounts();
    counts.add(5, 0);
    expect(counts.sorted()).toEqual([]);
    expect(counts.slice(0, 2)).toEqual([0, 0]);
  });
});
