import { frequencyBits, type SymbolTable } from '@offramp/bundle';

const total = 2 ** frequencyBits;
/** A table tells this many symbols apart. */
const maxSymbols = 256;
/** Added to each count: a symbol that was not seen may come. */
const smoothing = 0.5;

/** How often each symbol occurs in each part of a code, such as a channel. */
export class SymbolCounts {
  private readonly counts: Map<number, number>[];

  /** @param lengths symbols of each part */
  constructor(private readonly lengths: readonly number[]) {
    this.counts = lengths.map(() => new Map());
  }

  /** @param code of one sample */
  add(code: Float32Array): void {
    let at = 0;
    this.lengths.forEach((length, part) => {
      const counts = this.counts[part] as Map<number, number>;
      for (const symbol of code.subarray(at, at + length)) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
      at += length;
    });
  }

  tables(): SymbolTable[] {
    return this.counts.map((counts, part) => ({ symbols: this.lengths[part] as number, ...tableOf(counts) }));
  }
}

/** The frequencies of whole numbers as shares of 2^14, at least 1 each, with a neighbour on both sides of what was seen. */
function tableOf(counts: ReadonlyMap<number, number>): Pick<SymbolTable, 'lowest' | 'frequencies'> {
  const seen = [...counts.keys()];
  const range = { lowest: Math.min(0, ...seen) - 1, highest: Math.max(0, ...seen) + 1 };
  const { lowest, highest } = range.highest - range.lowest < maxSymbols ? range : mostFrequent(counts);
  const weights = Array.from(
    { length: highest - lowest + 1 },
    (_, i) => (counts.get(lowest + i) ?? 0) + smoothing,
  );
  return { lowest, frequencies: shares(weights) };
}

/** The 256 neighbouring symbols around the mean. */
function mostFrequent(counts: ReadonlyMap<number, number>): { lowest: number; highest: number } {
  let sum = 0;
  let count = 0;
  for (const [symbol, times] of counts) {
    sum += symbol * times;
    count += times;
  }
  const lowest = Math.round(sum / count) - maxSymbols / 2;
  return { lowest, highest: lowest + maxSymbols - 1 };
}

/** Whole shares of 2^14; what rounding leaves goes to the largest. */
function shares(weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  const free = total - weights.length;
  const whole = weights.map((weight) => 1 + Math.floor((weight / sum) * free));
  const largest = whole.indexOf(Math.max(...whole));
  const left = total - whole.reduce((a, b) => a + b, 0);
  whole[largest] = (whole[largest] as number) + left;
  return whole;
}
