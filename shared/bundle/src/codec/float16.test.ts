import { expect, test } from 'vitest';
import { encodeTensor } from './codecs.js';
import { float16 } from './float16.js';

const halfOf = (value: number) => {
  const { data } = encodeTensor(float16, { shape: [1] }, Float32Array.of(value));
  return data.length === 2 ? (data[0] as number) | ((data[1] as number) << 8) : null;
};

test.each([
  [0, 0x0000],
  [-0, 0x8000],
  [1, 0x3c00],
  [-2, 0xc000],
  [65_504, 0x7bff],
  [2 ** -14, 0x0400],
  [2 ** -24, 0x0001],
  [2 ** -25, 0x0000],
  [1.5 * 2 ** -24, 0x0002],
  [2.5 * 2 ** -24, 0x0002],
  [1 + 2 ** -11, 0x3c00],
  [1 + 3 * 2 ** -11, 0x3c02],
  [1 + 2 ** -11 + 2 ** -20, 0x3c01],
  [1 - 2 ** -13, 0x3c00],
  [Number.POSITIVE_INFINITY, 0x7c00],
  [Number.NEGATIVE_INFINITY, 0xfc00],
  [Number.NaN, 0x7e00],
])('%d is written as IEEE 754 defines', (value, half) => {
  expect(halfOf(value)).toBe(half);
});

test('values that would round to infinity are left to float32', () => {
  expect(halfOf(65_505)).toBeNull();
  expect(halfOf(-1e30)).toBeNull();
});

test('every binary16 survives a round trip', () => {
  const data = new Uint8Array(2 ** 17);
  const view = new DataView(data.buffer);
  for (let half = 0; half < 2 ** 16; half++) view.setUint16(2 * half, half, true);
  const shape = [2 ** 16];
  const values = new Float32Array(2 ** 16);
  float16.decode('tensor', data, values, { shape });
  const again = new DataView(encodeTensor(float16, { shape }, values).data.slice().buffer);
  let different = 0;
  for (let half = 0; half < 2 ** 16; half++) {
    const found = again.getUint16(2 * half, true);
    if (found !== half && !Number.isNaN(values[half])) different++;
  }
  expect(different).toBe(0);
});
