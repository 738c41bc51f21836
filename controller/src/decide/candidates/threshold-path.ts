import { neverExit } from '@offramp/contracts';

/**
 * The threshold vectors that the tuner chooses among, from the safest, under which no sample exits early, to the cheapest,
 * under which all samples exit at the first branch. Each step lowers one branch's threshold by one bin of confidence: the last
 * branch first, the first branch last, then again from the last. Along the path no sample's exit gets deeper, so cost never
 * rises. The order is fixed in advance, so candidates can be tested one after the other without a correction for their number
 * (fixed-sequence testing).
 *
 * Thresholds lie on the edges of the bins in which devices count confidences, so bins alone determine the effect of a
 * candidate.
 */
export class ThresholdPath {
  /** Number of candidates. They are numbered from 0, the safest. */
  readonly candidates: number;

  /**
   * @param edges between bins, ascending, in (0, 1): a confidence's bin is the number of edges that it reaches
   */
  constructor(
    readonly branches: number,
    private readonly edges: readonly number[],
  ) {
    this.candidates = (edges.length + 1) * branches + 1;
  }

  /** Per branch, the lowest bin that exits; the number of bins if none does. */
  cutsAt(candidate: number): number[] {
    return Array.from({ length: this.branches }, (_, branch) => {
      const turn = this.branches - 1 - branch;
      return this.edges.length + 1 - Math.floor((candidate - turn + this.branches - 1) / this.branches);
    });
  }

  /** One threshold per branch. */
  thresholdsAt(candidate: number): number[] {
    const [never] = neverExit(1) as [number];
    return this.cutsAt(candidate).map((cut) => (cut === 0 ? 0 : (this.edges[cut - 1] ?? never)));
  }

  /** The cheapest candidate that is no less safe: none of its thresholds is below the given ones. */
  positionOf(thresholds: readonly number[]): number {
    const cuts = this.cutsOf(thresholds);
    let candidate = 0;
    while (
      candidate + 1 < this.candidates &&
      this.cutsAt(candidate + 1).every((cut, branch) => cut >= (cuts[branch] as number))
    ) {
      candidate++;
    }
    return candidate;
  }

  /** The cheapest candidate up to `target` that lowers no threshold of `from` by more than `maxLogOdds`. */
  towards(from: number, target: number, maxLogOdds: number): number {
    const lowest = this.cutsAt(from).map((cut) => this.logOddsOf(cut) - maxLogOdds);
    const allowed = (candidate: number) =>
      this.cutsAt(candidate).every((cut, branch) => this.logOddsOf(cut) >= (lowest[branch] as number) - 1e-6);
    let candidate = from;
    while (candidate < target && allowed(candidate + 1)) candidate++;
    return candidate;
  }

  /** Whether thresholds are a candidate's, so that bins determine their effect exactly. */
  has(thresholds: readonly number[]): boolean {
    return sameThresholds(thresholds, this.thresholdsAt(this.positionOf(thresholds)));
  }

  /** As {@link cutsAt}, for any thresholds. A bin that contains a threshold counts as not exiting. */
  cutsOf(thresholds: readonly number[]): number[] {
    return thresholds.map((threshold) => {
      if (threshold <= 0) return 0;
      const reached = this.edges.findIndex((edge) => Math.fround(edge) >= Math.fround(threshold));
      return reached < 0 ? this.edges.length + 1 : reached + 1;
    });
  }

  /**
   * Per branch, the first candidate under which a sample exits there or earlier; the number of candidates if there is none.
   * A sample's exit only moves forward along the path, so it exits at a branch from that branch's candidate up to that of the
   * branch before.
   * @param bins bin of its confidence at each branch
   */
  opensOf(bins: ArrayLike<number>): number[] {
    let earliest = this.candidates;
    return Array.from({ length: this.branches }, (_, branch) => {
      earliest = Math.min(earliest, this.firstOpen(branch, bins[branch] as number));
      return earliest;
    });
  }

  /** Log-odds of the threshold at the start of a bin. Thresholds under which all or no samples exit count as the nearest edge. */
  private logOddsOf(cut: number): number {
    const edge = this.edges[Math.max(1, Math.min(this.edges.length, cut)) - 1] as number;
    return Math.log(edge / (1 - edge));
  }

  /** The first candidate under which a bin exits at a branch. */
  private firstOpen(branch: number, bin: number): number {
    const turn = this.branches - 1 - branch;
    return (this.edges.length - bin) * this.branches + turn + 1;
  }
}

/** Whether two vectors of thresholds have the same effect. The wire carries float32, and people see fewer digits. */
export function sameThresholds(a: readonly number[], b: readonly number[]): boolean {
  return (
    a.length === b.length &&
    a.every((threshold, branch) => {
      const other = b[branch] as number;
      return Math.fround(threshold) === Math.fround(other) || (threshold > 1 && other > 1);
    })
  );
}
