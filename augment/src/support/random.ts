import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** 0 … `length` − 1 in an order that follows from the seed alone. */
export function seededPermutation(length: number, seed: number): Uint32Array {
  const generator = xoroshiro128plus(seed);
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = uniformInt(generator, 0, i);
    const swapped = order[i] as number;
    order[i] = order[j] as number;
    order[j] = swapped;
  }
  return order;
}

/**
 * One seed of several whole numbers, such that another number anywhere gives an unrelated one: the mixing and
 * finalising steps of MurmurHash3 (A. Appleby).
 */
export function combineSeeds(...parts: readonly number[]): number {
  let hash = 0;
  for (const part of parts) {
    // Both halves of what is larger than 32 bits.
    for (const word of [part | 0, Math.floor(part / 2 ** 32) | 0]) {
      let mixed = Math.imul(word, 0xcc9e2d51);
      mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
      hash ^= mixed;
      hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
    }
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
