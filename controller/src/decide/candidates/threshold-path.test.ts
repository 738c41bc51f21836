import { leaves } from '@offramp/contracts';
import { describe, expect, it } from 'vitest';
import { sameThresholds, ThresholdPath } from './threshold-path.js';

const edges = [0.25, 0.5, 0.75];
const path = new ThresholdPath(2, edges);
const all = Array.from({ length: path.candidates }, (_, candidate) => candidate);
const binOf = (confidence: number) => edges.filter((edge) => confidence >= edge).length;

describe('ThresholdPath', () => {
  it('goes from no early exits to all at the first branch, the last branch first, one bin at a time', () => {
    expect(all.map((candidate) => path.thresholdsAt(candidate))).toEqual([
      [2, 2],
      [2, 0.75],
      [0.75, 0.75],
      [0.75, 0.5],
      [0.5, 0.5],
      [0.5, 0.25],
      [0.25, 0.25],
      [0.25, 0],
      [0, 0],
    ]);
  });

  it('gives the exit of every bin, as the cascade does with confidences', () => {
    for (const first of [0.1, 0.3, 0.6, 0.9]) {
      for (const second of [0.1, 0.3, 0.6, 0.9]) {
        const opens = path.opensOf([binOf(first), binOf(second)]);
        const told = all.map((candidate) => {
          const exit = opens.findIndex((from) => candidate >= from);
          return exit < 0 ? 2 : exit;
        });
        const expected = all.map((candidate) => {
          const [a, b] = path.thresholdsAt(candidate) as [number, number];
          return leaves(first, a) ? 0 : leaves(second, b) ? 1 : 2;
        });
        expect(told).toEqual(expected);
      }
    }
  });

  it('gives the position of its own thresholds', () => {
    for (const candidate of all) {
      expect(path.positionOf(path.thresholdsAt(candidate))).toBe(candidate);
      expect(path.has(path.thresholdsAt(candidate))).toBe(true);
    }
    expect(path.has([0.6, 0.6])).toBe(false);
    expect(path.has([0, 2])).toBe(false);
  });

  it('recognises thresholds sent as float32 and written with few digits', () => {
    const fine = new ThresholdPath(1, [Math.fround(0.9206799864768982)]);
    expect(fine.has([0.92068])).toBe(true);
    expect(fine.positionOf([0.92068])).toBe(1);
    expect(sameThresholds([0.92068, 2], [Math.fround(0.92068), 1.5])).toBe(true);
    expect(sameThresholds([0.92068], [0.9207])).toBe(false);
    expect(sameThresholds([0.5], [0.5, 0.5])).toBe(false);
  });

  it('moves towards another candidate by bounded steps in log-odds', () => {
    const step = Math.log(3);
    // Thresholds that stop all samples, or none, count as the nearest edge.
    expect(path.towards(0, 8, step)).toBe(4);
    expect(path.towards(0, 3, step)).toBe(3);
    expect(path.towards(1, 8, 0)).toBe(2);
    expect(path.towards(4, 8, step)).toBe(8);
    expect(path.towards(4, 8, step / 2)).toBe(4);
  });

  it('maps other thresholds to a candidate that is no less safe', () => {
    expect(path.positionOf([0.6, 0.6])).toBe(2);
    expect(path.positionOf([0, 2])).toBe(0);
    expect(path.positionOf([0.5, 0.1])).toBe(5);
    expect(path.cutsOf([0.6, 0, 1.5])).toEqual([3, 0, 4]);
  });
});
