import { expect, test } from 'vitest';
import { LinkShaper } from './link-shaper.js';

test('an empty link takes the bytes by its bandwidth, and then its delay', () => {
  const link = new LinkShaper({ delayMs: 20, bytesPerSecond: 1_000_000 });
  expect(link.transmit(5_000, 100)).toBeCloseTo(125);
});

test('bytes wait for those before them, but the delays overlap', () => {
  const link = new LinkShaper({ delayMs: 20, bytesPerSecond: 1_000_000 });
  expect(link.transmit(5_000, 0)).toBeCloseTo(25);
  expect(link.transmit(5_000, 1)).toBeCloseTo(30);
  expect(link.transmit(5_000, 10)).toBeCloseTo(35);
});

test('a pause is not made up for: what was not used is lost', () => {
  const link = new LinkShaper({ delayMs: 0, bytesPerSecond: 1_000_000 });
  link.transmit(1_000, 0);
  expect(link.transmit(1_000, 500)).toBeCloseTo(501);
});

test('however it is cut, no more goes through in any stretch than the bandwidth allows', () => {
  const bytesPerSecond = 250_000;
  const link = new LinkShaper({ delayMs: 5, bytesPerSecond });
  const arrivals: { at: number; bytes: number }[] = [];
  for (let i = 0, now = 0; i < 500; i++) {
    const bytes = 1 + ((i * 7_919) % 1_448);
    now += (i * 31) % 7;
    arrivals.push({ at: link.transmit(bytes, now), bytes });
    expect(arrivals[i]?.at).toBeGreaterThanOrEqual(now + 5);
  }
  for (let first = 0; first < 500; first += 37) {
    let sum = 0;
    for (let last = first + 1; last < 500; last++) {
      sum += arrivals[last]?.bytes ?? 0;
      const tookMs = (arrivals[last]?.at ?? 0) - (arrivals[first]?.at ?? 0);
      expect(sum).toBeLessThanOrEqual((tookMs * bytesPerSecond) / 1_000 + 1e-6);
    }
  }
});

test('without a bandwidth there is only the delay', () => {
  const link = new LinkShaper({ delayMs: 3, bytesPerSecond: Number.POSITIVE_INFINITY });
  expect(link.transmit(1e9, 1)).toBe(4);
});

test.each([
  { delayMs: -1, bytesPerSecond: 1 },
  { delayMs: 0, bytesPerSecond: 0 },
  { delayMs: Number.NaN, bytesPerSecond: 1 },
])('refuses %j', (shape) => {
  expect(() => new LinkShaper(shape)).toThrow(RangeError);
});
