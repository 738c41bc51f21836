interface Gap {
  from: number;
  to: number;
}

const maxGaps = 64;

/**
 * The numbers of a growing sequence that have been seen, in bounded memory: the first, the last, and the gaps
 * between them. Beyond 64 gaps the oldest is dropped: its numbers then count as seen.
 */
export class SequenceSet {
  /** 0 while empty. */
  first = 0;
  last = 0;
  /** Numbers between the first and the last that were not seen. */
  missing = 0;
  /** In ascending order. */
  private readonly gaps: Gap[] = [];

  /** @returns whether the number is new */
  add(sequence: number): boolean {
    if (this.last === 0) {
      this.first = sequence;
      this.last = sequence;
      return true;
    }
    if (sequence > this.last) {
      this.open(this.gaps.length, this.last + 1, sequence - 1);
      this.last = sequence;
      return true;
    }
    if (sequence < this.first) {
      this.open(0, sequence + 1, this.first - 1);
      this.first = sequence;
      return true;
    }
    return this.fill(sequence);
  }

  private open(index: number, from: number, to: number): void {
    if (from > to) return;
    this.missing += to - from + 1;
    this.gaps.splice(index, 0, { from, to });
    if (this.gaps.length > maxGaps) this.gaps.shift();
  }

  private fill(sequence: number): boolean {
    const index = this.gaps.findIndex((gap) => sequence >= gap.from && sequence <= gap.to);
    const gap = this.gaps[index];
    if (!gap) return false;
    const left = { from: gap.from, to: sequence - 1 };
    const right = { from: sequence + 1, to: gap.to };
    this.gaps.splice(index, 1, ...[left, right].filter(({ from, to }) => from <= to));
    if (this.gaps.length > maxGaps) this.gaps.shift();
    this.missing--;
    return true;
  }
}
