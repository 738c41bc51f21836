import { frequencyBits } from '../manifest/learned-codec.js';
import type { CodeTables } from './range-tables.js';

/**
 * An asymmetric numeral system over static tables (rANS; J. Duda, arXiv 1311.2540; F. Giesen, arXiv 1402.3392): as small
 * as arithmetic coding, in integers alone, so all machines write and read the same bytes. The state is at least
 * 2^23 and below 2^31, and moves by bytes.
 */
const lowestState = 2 ** 23;
const slotMask = (1 << frequencyBits) - 1;
/** A state from here on, times a symbol's frequency, gives away a byte before that symbol. */
const fullState = (lowestState >>> frequencyBits) << 8;
const stateBytes = 4;

/** What is not a code. */
export type MalformedCode = 'too short' | 'too long' | 'other symbols';

/**
 * @param values whole numbers, in the order of the tables; those beyond a table become its lowest or highest symbol
 * @returns `null` for a value that is not a number
 */
export function encodeSymbols(
  values: Float32Array,
  { tables, symbols, maxBytes }: CodeTables,
): Uint8Array | null {
  const bytes = new Uint8Array(maxBytes);
  let at = maxBytes;
  let state = lowestState;
  let next = symbols;
  // Backwards, so that the decoder runs forwards.
  for (let i = tables.length - 1; i >= 0; i--) {
    const { symbols: count, lowest, frequencies, starts } = tables[i] as CodeTables['tables'][number];
    const highest = frequencies.length - 1;
    for (let left = count; left > 0; left--) {
      const value = (values[--next] as number) - lowest;
      if (Number.isNaN(value)) return null;
      const symbol = value <= 0 ? 0 : value >= highest ? highest : Math.round(value);
      const frequency = frequencies[symbol] as number;
      const limit = fullState * frequency;
      while (state >= limit) {
        bytes[--at] = state & 0xff;
        state >>>= 8;
      }
      const quotient = Math.floor(state / frequency);
      state = (quotient << frequencyBits) + (state - quotient * frequency) + (starts[symbol] as number);
    }
  }
  at -= stateBytes;
  for (let i = 0; i < stateBytes; i++) bytes[at + i] = (state >>> (8 * (stateBytes - 1 - i))) & 0xff;
  return bytes.slice(at);
}

/**
 * Reads as many symbols as the tables have, whatever the bytes.
 * @param into gets them; the first elements
 * @returns what is wrong; `null` if nothing is
 */
export function decodeSymbols(
  data: Uint8Array,
  { tables }: CodeTables,
  into: Float32Array,
): MalformedCode | null {
  const end = data.length;
  if (end < stateBytes) return 'too short';
  let state =
    (((data[0] as number) << 24) |
      ((data[1] as number) << 16) |
      ((data[2] as number) << 8) |
      (data[3] as number)) >>>
    0;
  if (state < lowestState || state >= lowestState * 2 ** 8) return 'other symbols';
  let at = stateBytes;
  let next = 0;
  for (const { symbols, lowest, frequencies, starts, symbolAt } of tables) {
    for (let left = symbols; left > 0; left--) {
      const slot = state & slotMask;
      const symbol = symbolAt[slot] as number;
      state = (frequencies[symbol] as number) * (state >>> frequencyBits) + slot - (starts[symbol] as number);
      while (state < lowestState) {
        if (at === end) return 'too short';
        state = (state << 8) | (data[at++] as number);
      }
      into[next++] = symbol + lowest;
    }
  }
  // The encoder began with this state, and every byte belongs to a symbol.
  if (at !== end) return 'too long';
  return state === lowestState ? null : 'other symbols';
}
