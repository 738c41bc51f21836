import { expect, test } from 'vitest';
import { float32 } from './float32.js';

test('every bit pattern comes back, signalling NaNs and negative zero too', () => {
  const bits = Uint32Array.of(
    ...[0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345, 1, 0x3f800000],
  );
  const into = new Float32Array(bits.length);
  float32.decode(float32.encode(new Float32Array(bits.buffer)), into);
  expect(new Uint32Array(into.buffer)).toEqual(bits);
});

test('bytes are little endian', () => {
  expect([...float32.encode(Float32Array.of(1, -2))]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
});
