import { describe, expect, it } from 'vitest';
import { plotAgreement } from './agreement-plot.js';

const points = [
  { atMs: 1_000, agreement: 0.99, bound: 0.97 },
  { atMs: 3_000, agreement: 0.98, bound: 0.98 },
];

describe('plotAgreement', () => {
  it('draws the estimate, and the band down to the lower bound', () => {
    const { line, band, goalY, ticks } = plotAgreement(points, 0.98, 200, 100);
    expect(ticks.map(({ share }) => share.toFixed(2))).toEqual(['1.00', '0.99', '0.98', '0.97', '0.96']);
    expect(ticks.map(({ y }) => y)).toEqual([0, 25, 50, 75, 100]);
    expect(line).toBe('M 0 25 L 200 50');
    expect(band).toBe('M 0 25 L 200 50 L 200 50 L 0 75 Z');
    expect(goalY).toBe(50);
  });

  it('draws a single point as a level line, and works without a goal', () => {
    const { line, band, goalY } = plotAgreement(points.slice(0, 1), null, 200, 100);
    expect(line).toBe('M 0 25 L 200 25');
    expect(band).toBe('M 0 25 L 200 25 L 200 75 L 0 75 Z');
    expect(goalY).toBeNull();
  });

  it('scales to the lowest value', () => {
    const { ticks } = plotAgreement([{ atMs: 0, agreement: 0.4, bound: 0 }], 0.98, 200, 100);
    expect(ticks.at(-1)?.share).toBeCloseTo(0);
  });
});
