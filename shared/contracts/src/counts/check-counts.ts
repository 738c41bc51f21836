/**
 * Checks of counts that came over the wire.
 * @param name of the field, for the error
 * @param of what the bound counts
 * @throws RangeError
 */
export function expectAtMost(name: string, found: number, most: number, of: string): void {
  if (!(found <= most)) throw new RangeError(`${name}: expected at most ${most} (${of}); found ${found}`);
}

/** @throws RangeError */
export function expectEqual(name: string, found: number, expected: number, of: string): void {
  if (found !== expected) throw new RangeError(`${name}: expected ${expected} (${of}); found ${found}`);
}

/** @throws RangeError */
export function expectFew(name: string, list: { readonly length: number }, most: number): void {
  if (list.length > most) {
    throw new RangeError(`${name}: expected at most ${most} entries; found ${list.length}`);
  }
}

export const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
