import { expect, test } from 'vitest';
import { encodeTensor } from './codecs.js';
import { float32 } from './float32.js';

test('every bit pattern is written as it is, signalling NaNs and negative zero too', () => {
  const bits = Uint32Array.of(
    ...[0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345, 1, 0x3f800000],
  );
  const { data } = encodeTensor(float32, { shape: [bits.length] }, new Float32Array(bits.buffer));
  const into = new Float32Array(bits.length);
  float32.decode('tensor', data, into, { shape: [bits.length] });
  expect(new Uint32Array(into.buffer)).toEqual(bits);
});

test('bytes are little endian', () => {
  const { data } = encodeTensor(float32, { shape: [2] }, Float32Array.of(1, -2));
  expect([...data]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
});
