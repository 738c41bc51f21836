import { describe, expect, it } from 'vitest';
import { peakBytes } from './peak-bytes.js';

const sizes = new Map([
  ['a', 10],
  ['b', 20],
  ['c', 30],
  ['d', 1],
]);
const bytesOf = (value: string) => sizes.get(value) ?? 0;
const node = (reads: string, writes: string) => ({ reads: [...reads], writes: [...writes] });

describe('peakBytes', () => {
  it('counts what is live at the same time', () => {
    // b and c together are the peak: a is dead after b.
    expect(peakBytes([node('x', 'a'), node('a', 'b'), node('b', 'c'), node('c', 'd')], bytesOf, 'd')).toBe(
      50,
    );
  });

  it('keeps a value to its last read, and outputs to the end', () => {
    expect(peakBytes([node('x', 'a'), node('a', 'b'), node('b', 'c'), node('ac', 'd')], bytesOf, 'd')).toBe(
      60,
    );
    expect(peakBytes([node('x', 'c'), node('x', 'a'), node('a', 'b')], bytesOf, 'cb')).toBe(60);
  });

  it('frees at once what nothing reads', () => {
    expect(peakBytes([node('x', 'c'), node('x', 'b')], bytesOf, 'b')).toBe(30);
    expect(peakBytes([], bytesOf, '')).toBe(0);
  });
});
