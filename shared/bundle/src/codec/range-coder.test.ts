import { describe, expect, it } from 'vitest';
import { frequencyBits, type SymbolTable } from '../manifest/learned-codec.js';
import { decodeSymbols, encodeSymbols } from './range-coder.js';
import { codeTables } from './range-tables.js';

const total = 2 ** frequencyBits;

/** Seeded, so that a failure is reproducible: in [0, 1). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Tables of every kind: one symbol, rare symbols, many symbols. */
function randomTables(random: () => number): SymbolTable[] {
  return Array.from({ length: 1 + Math.floor(random() * 5) }, () => {
    const kinds = 1 + Math.floor(random() ** 3 * 256);
    const frequencies = new Array<number>(Math.min(256, kinds)).fill(1);
    for (let left = total - frequencies.length; left > 0; ) {
      const share = Math.min(left, 1 + Math.floor(random() * left));
      const at = Math.floor(random() * frequencies.length);
      frequencies[at] = (frequencies[at] as number) + share;
      left -= share;
    }
    return { symbols: 1 + Math.floor(random() * 60), lowest: Math.floor(random() * 20) - 10, frequencies };
  });
}

function randomSymbols(tables: readonly SymbolTable[], random: () => number): Float32Array {
  return Float32Array.from(
    tables.flatMap(({ symbols, lowest, frequencies }) =>
      Array.from({ length: symbols }, () => lowest + Math.floor(random() * frequencies.length)),
    ),
  );
}

function decoded(data: Uint8Array, tables: readonly SymbolTable[]) {
  const code = codeTables(tables);
  const into = new Float32Array(code.symbols);
  return { problem: decodeSymbols(data, code, into), into };
}

describe('range coder', () => {
  it('gives back any symbols of any tables, within its bound of bytes', () => {
    const random = generator(1);
    for (let round = 0; round < 500; round++) {
      const tables = randomTables(random);
      const symbols = randomSymbols(tables, random);
      const data = encodeSymbols(symbols, codeTables(tables)) as Uint8Array;
      expect(data.length).toBeLessThanOrEqual(codeTables(tables).maxBytes);
      expect(decoded(data, tables)).toEqual({ problem: null, into: symbols });
    }
  });

  it('takes the rarest symbols alone within its bound', () => {
    const tables = [{ symbols: 5_000, lowest: 0, frequencies: [total - 1, 1] }];
    const rare = new Float32Array(5_000).fill(1);
    const data = encodeSymbols(rare, codeTables(tables)) as Uint8Array;
    expect(data.length).toBeLessThanOrEqual(codeTables(tables).maxBytes);
    expect(decoded(data, tables)).toEqual({ problem: null, into: rare });
  });

  it('takes the bytes that the frequencies predict', () => {
    const tables = [{ symbols: 20_000, lowest: -1, frequencies: [total / 8, (total * 3) / 4, total / 8] }];
    const random = generator(3);
    const symbols = Float32Array.from({ length: 20_000 }, () => Math.floor(random() * 8)).map((value) =>
      value === 0 ? -1 : value === 7 ? 1 : 0,
    );
    const bits = symbols.reduce((sum, value) => sum + (value === 0 ? -Math.log2(0.75) : 3), 0);
    expect((encodeSymbols(symbols, codeTables(tables)) as Uint8Array).length).toBeCloseTo(bits / 8, -1.5);
  });

  it('writes these bytes on every machine', () => {
    const tables = [
      { symbols: 4, lowest: -1, frequencies: [4_096, 8_192, 4_096] },
      { symbols: 3, lowest: 0, frequencies: [16_000, 384] },
    ];
    const data = encodeSymbols(Float32Array.of(-1, 0, 1, 0, 0, 1, 0), codeTables(tables)) as Uint8Array;
    expect(Buffer.from(data).toString('hex')).toBe('05978d6600');
  });

  it('moves symbols beyond a table to its ends, rounds what is between two, and refuses what is no number', () => {
    const tables = [{ symbols: 4, lowest: -2, frequencies: [total / 4, total / 4, total / 4, total / 4] }];
    const data = encodeSymbols(Float32Array.of(-9, 1e30, -0.4, Number.NEGATIVE_INFINITY), codeTables(tables));
    expect([...decoded(data as Uint8Array, tables).into]).toEqual([-2, 1, -0, -2].map((value) => value + 0));
    expect(encodeSymbols(Float32Array.of(0, 0, Number.NaN, 0), codeTables(tables))).toBeNull();
  });

  it('refuses every truncation, every extension, and most changed bytes', () => {
    const random = generator(7);
    let unnoticed = 0;
    let changes = 0;
    for (let round = 0; round < 30; round++) {
      const tables = randomTables(random);
      const data = encodeSymbols(randomSymbols(tables, random), codeTables(tables)) as Uint8Array;
      for (let length = 0; length < data.length; length++) {
        expect(decoded(data.subarray(0, length), tables).problem).not.toBeNull();
      }
      expect(decoded(Uint8Array.of(...data, 0), tables).problem).toBe('too long');
      for (let at = 0; at < data.length; at++) {
        const changed = data.map((byte, i) => (i === at ? byte ^ (1 + Math.floor(random() * 255)) : byte));
        changes++;
        if (decoded(changed, tables).problem === null) unnoticed++;
      }
    }
    expect(unnoticed / changes).toBeLessThan(0.1);
  });

  it('gives whole numbers of its tables or a problem, whatever the bytes', () => {
    const random = generator(11);
    const problems = new Set<string | null>();
    for (let round = 0; round < 20_000; round++) {
      const tables = randomTables(random).slice(0, 2);
      const data = Uint8Array.from({ length: Math.floor(random() * 30) }, () => Math.floor(random() * 256));
      const { problem, into } = decoded(data, tables);
      problems.add(problem);
      let at = 0;
      for (const { symbols, lowest, frequencies } of problem ? [] : tables) {
        for (const value of into.subarray(at, at + symbols)) {
          expect(Number.isInteger(value) && value >= lowest && value < lowest + frequencies.length).toBe(
            true,
          );
        }
        at += symbols;
      }
    }
    expect(problems).toContain('too short');
    expect(problems).toContain('other symbols');
  });
});
