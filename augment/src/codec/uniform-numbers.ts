import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Numbers in [0, 1), from a seed; one integer of 32 bits for each. */
export function uniformNumbers(count: number, seed: number): Float32Array {
  const generator = xoroshiro128plus(seed);
  const numbers = new Float32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = (generator.next() >>> 8) / 2 ** 24;
  return numbers;
}
