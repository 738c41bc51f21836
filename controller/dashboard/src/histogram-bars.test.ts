import { expect, it } from 'vitest';
import { barsOf, histogramBox } from './histogram-bars.js';

it.each([1, 64, 128])('places %d bins side by side', (count) => {
  const bars = barsOf(Array.from({ length: count }, (_, bin) => bin));
  bars.forEach(({ x, width }, bin) => {
    expect(x).toBeGreaterThanOrEqual(bin === 0 ? 0 : (bars[bin - 1]?.x ?? 0) + (bars[bin - 1]?.width ?? 0));
    expect(x + width).toBeLessThanOrEqual(histogramBox.width);
  });
  expect((bars.at(-1)?.x ?? 0) + (bars.at(-1)?.width ?? 0)).toBeGreaterThan(0.8 * histogramBox.width);
});

it('draws the fullest bin at full height, and empty bins without height', () => {
  expect(barsOf([0, 5, 10])).toMatchObject([
    { y: 40, height: 0 },
    { y: 20, height: 20 },
    { y: 0, height: 40 },
  ]);
  expect(barsOf([0, 0]).map(({ height }) => height)).toEqual([0, 0]);
});
