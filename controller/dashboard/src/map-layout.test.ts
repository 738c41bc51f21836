import { describe, expect, it } from 'vitest';
import { deviceAt, layOut } from './map-layout.js';

describe('layOut', () => {
  it('gives few devices large cells', () => {
    expect(layOut(3, 300, 300)).toEqual({ columns: 16, rows: 1, size: 16, gap: 2, height: 16 });
  });

  it.each([
    [10_000, 1_000, 400],
    [10_000, 320, 800],
    [500, 320, 200],
  ])('fits %i devices into %i × %i', (devices, width, maxHeight) => {
    const { columns, rows, size, gap, height } = layOut(devices, width, maxHeight);
    expect(columns * rows).toBeGreaterThanOrEqual(devices);
    expect(columns * (size + gap) - gap).toBeLessThanOrEqual(width);
    expect(height).toBeLessThanOrEqual(maxHeight);
  });

  it('takes more height before cells become too small to see', () => {
    expect(layOut(100_000, 300, 100)).toMatchObject({ size: 3 });
  });
});

describe('deviceAt', () => {
  it('finds each device by the centre of its cell, and none elsewhere', () => {
    const layout = layOut(100, 200, 300);
    const pitch = layout.size + layout.gap;
    for (let device = 0; device < 100; device++) {
      const x = (device % layout.columns) * pitch + layout.size / 2;
      const y = Math.floor(device / layout.columns) * pitch + layout.size / 2;
      expect(deviceAt(layout, 100, x, y)).toBe(device);
    }
    expect(deviceAt(layout, 100, -1, 0)).toBeNull();
    expect(deviceAt(layout, 100, layout.columns * pitch + 1, 0)).toBeNull();
    expect(deviceAt(layout, 100, 0, layout.height + pitch)).toBeNull();
  });
});
