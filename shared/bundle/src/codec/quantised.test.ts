import { expect, test } from 'vitest';
import { decodeTensor, encodeTensor } from './codecs.js';
import { int4, int8 } from './quantised.js';

/** 0, 1, … in one row, so in one group. */
const counting = (length: number) => Float32Array.from({ length }, (_, i) => i);

test('int8: scales, then zero points, then a byte each', () => {
  const values = counting(33).map((value) => 8 * (value - 16));
  const { data } = encodeTensor(int8, { shape: [1, 33] }, values);
  // 256 / 254, rounded up to 8 significant bits, is 1.015625; −128 is 126.03 scales below zero.
  expect([...data.subarray(0, 4)]).toEqual([0x82, 0x3f, 126, 0]);
  expect([...data.subarray(4, 7)]).toEqual([0, 8, 16]);
  expect(data).toHaveLength(4 + 33);
});

test('int4: two codes in a byte, the first in its lower half, groups without gaps', () => {
  const values = new Float32Array(2 * 33);
  values.set([15, 1, 2, 15], 31);
  const { data } = encodeTensor(int4, { shape: [2, 33] }, values);
  expect([...data.subarray(0, 8)]).toEqual([0x80, 0x3f, 0x80, 0x3f, 0, 0, 0, 0]);
  expect([...data.subarray(8 + 15, 8 + 18)]).toEqual([0xf0, 0x21, 0x0f]);
  expect(data).toHaveLength(8 + 33);
});

test('each group has a scale of its own: small channels beside large ones keep their detail', () => {
  const values = new Float32Array(2 * 64);
  values.set(counting(64).map((value) => value / 1_000));
  values.set(
    counting(64).map((value) => value * 1_000),
    64,
  );
  const found = decodeTensor(
    'activation',
    { shape: [2, 64] },
    encodeTensor(int8, { shape: [2, 64] }, values),
  );
  expect(found[63]).toBeCloseTo(0.063, 4);
  expect(found[1]).toBeCloseTo(0.001, 3);
});

test('a common scale is a multiple of the root mean square, and clips values beyond its codes', () => {
  const values = new Float32Array(64).fill(1);
  values[7] = 1_000;
  const rms = Math.sqrt((63 + 1e6) / 64);
  const found = decodeTensor(
    'activation',
    { shape: [1, 64] },
    encodeTensor(int4, { shape: [1, 64] }, values, { step: 0.1 }),
  );
  expect(found[7]).toBeGreaterThanOrEqual(1.5 * rms);
  expect(found[7]).toBeLessThan(1.53 * rms);
  expect(found[0]).toBe(0);
});

test('where both ends are beyond the codes, the farther one is clipped more, and zero stays', () => {
  const values = Float32Array.of(-3, 9, ...new Float32Array(30));
  const quantiser = { step: 0.2 };
  const found = decodeTensor(
    'activation',
    { shape: [32] },
    encodeTensor(int4, { shape: [32] }, values, quantiser),
  );
  expect(found[0]).toBeLessThan(0);
  expect(found[0]).toBeGreaterThan(-3);
  expect(found[1]).toBeGreaterThan(-(found[0] as number));
  expect(found[2]).toBe(0);
});

test('an exit’s carried answer has its own scale and does not change the others', () => {
  const layout = { shape: [3, 32], carriedRows: 1 };
  const values = new Float32Array(96);
  values.set(counting(64));
  values.set([0.02, 0.9, 0.08], 64);
  const found = decodeTensor('activation', layout, encodeTensor(int8, layout, values, { step: 1 }));
  expect(found[64]).toBeCloseTo(0.02, 2);
  expect(found[65]).toBeCloseTo(0.9, 2);
  const alone = decodeTensor(
    'activation',
    { shape: [2, 32] },
    encodeTensor(int8, { shape: [2, 32] }, values.subarray(0, 64), { step: 1 }),
  );
  expect(found.subarray(0, 64)).toEqual(alone);
});

test('rows of few elements share a scale, so that scales take less than codes', () => {
  expect(int8.encodedBytes({ shape: [64, 1, 1] })).toBe(2 * 4 + 64);
  expect(int8.encodedBytes({ shape: [10, 5, 5] })).toBe(5 * 4 + 250);
  expect(int8.encodedBytes({ shape: [2, 5, 7] })).toBe(2 * 4 + 70);
  expect(int4.encodedBytes({ shape: [100] })).toBe(4 * 4 + 50);
});
