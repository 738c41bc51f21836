import type { SymbolTable } from '../manifest/learned-codec.js';
import { frequencyBits } from '../manifest/learned-codec.js';

const total = 1 << frequencyBits;

/** A symbol table as encoder and decoder use it. */
export interface RangeTable {
  /** Consecutive symbols of a code that follow it. */
  symbols: number;
  lowest: number;
  frequencies: Uint16Array;
  /** Where each symbol's range starts; one more entry than symbols. */
  starts: Uint16Array;
  /** For each of the 2^14 slots, the symbol whose range it lies in, counted from the lowest. */
  symbolAt: Uint8Array;
}

/** The tables of one code. */
export interface CodeTables {
  tables: readonly RangeTable[];
  /** Symbols in the code. */
  symbols: number;
  /** No code takes more bytes. */
  maxBytes: number;
}

/** Of the state that is left, and rounding. */
const stateBytes = 4;
/** By how much rounding of the state lengthens a code, at most, with room. */
const roundingShare = 1.002;

const built = new WeakMap<readonly SymbolTable[], CodeTables>();

/** Built once for a bundle, not for each sample. */
export function codeTables(given: readonly SymbolTable[]): CodeTables {
  let found = built.get(given);
  if (!found) {
    found = build(given);
    built.set(given, found);
  }
  return found;
}

function build(given: readonly SymbolTable[]): CodeTables {
  const tables = given.map(rangeTable);
  const bits = tables.reduce((sum, { symbols, frequencies }) => {
    const least = frequencies.reduce((a, b) => Math.min(a, b));
    return sum + symbols * (frequencyBits - Math.log2(least));
  }, 0);
  return {
    tables,
    symbols: tables.reduce((sum, { symbols }) => sum + symbols, 0),
    maxBytes: stateBytes + Math.ceil((bits / 8) * roundingShare) + stateBytes,
  };
}

function rangeTable({ symbols, lowest, frequencies }: SymbolTable): RangeTable {
  const starts = new Uint16Array(frequencies.length + 1);
  const symbolAt = new Uint8Array(total);
  frequencies.forEach((frequency, symbol) => {
    const start = starts[symbol] as number;
    starts[symbol + 1] = start + frequency;
    symbolAt.fill(symbol, start, start + frequency);
  });
  return { symbols, lowest, frequencies: Uint16Array.from(frequencies), starts, symbolAt };
}
