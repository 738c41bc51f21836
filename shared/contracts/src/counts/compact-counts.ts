type Dense = Uint16Array | Uint32Array | Float64Array;

/** Beyond that, looking for one takes too long. */
const maxPairs = 32;
/** Numbers on either side of a new one that room is made for, too. */
const slack = 16;

/** Shared, since even an empty array of this kind takes more than the few pairs that most counts are. */
const noCounts = new Uint16Array(0);

/**
 * Counts by whole number, most of which are zero. Takes memory as it comes to hold more and larger ones: a few are kept as
 * pairs, many in an array from the first to the last, of 2, 4 or 8 bytes each.
 */
export class CompactCounts {
  /** Number, count, number, count …, in no order; `null` once there are too many. */
  private pairs: number[] | null = [];
  private dense: Dense = noCounts;
  /** The number that the first entry of `dense` is of. */
  private offset = 0;

  /** @param count a whole number */
  add(at: number, count: number): void {
    if (count === 0) return;
    if (this.pairs) this.addPair(this.pairs, at, count);
    else this.addDense(at, count);
  }

  /** @param other another one */
  merge(other: CompactCounts): void {
    if (!other.pairs) {
      if (this.pairs) this.makeDense(this.pairs);
      this.reach(other.offset, other.offset + other.dense.length);
    }
    other.forEach((at, count) => {
      this.add(at, count);
    });
  }

  /** Calls back for every count that is not zero, in no order. */
  forEach(use: (at: number, count: number) => void): void {
    const { pairs, dense, offset } = this;
    if (pairs) {
      for (let i = 0; i < pairs.length; i += 2) use(pairs[i] as number, pairs[i + 1] as number);
      return;
    }
    for (let i = 0; i < dense.length; i++) {
      const count = dense[i] as number;
      if (count > 0) use(offset + i, count);
    }
  }

  /** Counts that are not zero with their numbers, in the order of these. */
  sorted(): [at: number, count: number][] {
    const found: [number, number][] = [];
    this.forEach((at, count) => {
      found.push([at, count]);
    });
    return this.pairs ? found.sort(([a], [b]) => a - b) : found;
  }

  /** The counts of `length` numbers from `from` on. */
  slice(from: number, length: number): number[] {
    const { pairs, dense, offset } = this;
    if (!pairs) return Array.from({ length }, (_, i) => dense[from + i - offset] ?? 0);
    const found = new Array<number>(length).fill(0);
    this.forEach((at, count) => {
      if (at >= from && at < from + length) found[at - from] = count;
    });
    return found;
  }

  private addPair(pairs: number[], at: number, count: number): void {
    for (let i = 0; i < pairs.length; i += 2) {
      if (pairs[i] !== at) continue;
      pairs[i + 1] = (pairs[i + 1] as number) + count;
      return;
    }
    pairs.push(at, count);
    if (pairs.length > 2 * maxPairs) this.makeDense(pairs);
  }

  private makeDense(pairs: readonly number[]): void {
    this.pairs = null;
    for (let i = 0; i < pairs.length; i += 2) this.addDense(pairs[i] as number, pairs[i + 1] as number);
  }

  private addDense(at: number, count: number): void {
    const { dense, offset } = this;
    if (at < offset || at >= offset + dense.length) this.reach(at - slack, at + slack);
    const index = at - this.offset;
    const sum = (this.dense[index] as number) + count;
    this.dense[index] = sum;
    if (this.dense[index] === sum) return;
    this.dense = sum < 2 ** 32 ? new Uint32Array(this.dense) : new Float64Array(this.dense);
    this.dense[index] = sum;
  }

  /** Makes room for numbers from `from` to before `to`. */
  private reach(from: number, to: number): void {
    const { dense, offset } = this;
    const first = dense.length === 0 ? from : Math.min(offset, from);
    const end = dense.length === 0 ? to : Math.max(offset + dense.length, to);
    if (end - first === dense.length) return;
    const grown = new (dense.constructor as new (length: number) => Dense)(end - first);
    if (dense.length > 0) grown.set(dense, offset - first);
    this.dense = grown;
    this.offset = first;
  }
}
