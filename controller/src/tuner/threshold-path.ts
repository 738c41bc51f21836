import { neverExit } from '@offramp/shared';

/**
 * The threshold vectors that the tuner chooses among, from the safest, under which nobody leaves early, to the cheapest,
 * under which everybody leaves at the first branch. From one to the next, one branch's threshold falls by one bin of
 * confidence: the last branch's first, the first branch's last, then around again. Along the path every sample leaves
 * earlier or where it left before, so that cost never rises. The order is fixed beforehand, which is what lets
 * candidates be tested one after the other without paying for their number (fixed-sequence testing).
 *
 * Thresholds lie on the edges of the bins that devices count confidences in: what a candidate would do then follows
 * from bins alone.
 */
export class ThresholdPath {
  /** How many candidates there are; they are numbered from 0, the safest. */
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

  /** Per branch, the lowest bin that leaves; one more than there are bins: none does. */
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

  /** The cheapest candidate none of whose thresholds is below the given ones: no less safe than they are. */
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

  /** The cheapest candidate up to `target` that lowers no threshold of `from` by more than so much in log-odds. */
  towards(from: number, target: number, maxLogOdds: number): number {
    const lowest = this.cutsAt(from).map((cut) => this.logOddsOf(cut) - maxLogOdds);
    const allowed = (candidate: number) =>
      this.cutsAt(candidate).every((cut, branch) => this.logOddsOf(cut) >= (lowest[branch] as number) - 1e-6);
    let candidate = from;
    while (candidate < target && allowed(candidate + 1)) candidate++;
    return candidate;
  }

  /** Whether thresholds are a candidate's, so that bins tell exactly what they do. */
  has(thresholds: readonly number[]): boolean {
    return sameThresholds(thresholds, this.thresholdsAt(this.positionOf(thresholds)));
  }

  /** As {@link cutsAt}, for any thresholds: bins that hold one of them count as staying. */
  cutsOf(thresholds: readonly number[]): number[] {
    return thresholds.map((threshold) => {
      if (threshold <= 0) return 0;
      const reached = this.edges.findIndex((edge) => Math.fround(edge) >= Math.fround(threshold));
      return reached < 0 ? this.edges.length + 1 : reached + 1;
    });
  }

  /**
   * From which candidate on a sample leaves at each branch or before; the number of candidates: under none. Where it leaves
   * only moves forward along the path, so a branch keeps a sample from its own number up to that of the branch before.
   * @param bins of its confidence at each branch
   */
  opensOf(bins: ArrayLike<number>): number[] {
    let earliest = this.candidates;
    return Array.from({ length: this.branches }, (_, branch) => {
      earliest = Math.min(earliest, this.firstOpen(branch, bins[branch] as number));
      return earliest;
    });
  }

  /** Of the threshold at the beginning of a bin; those that let everybody or nobody leave count as the edges beside them. */
  private logOddsOf(cut: number): number {
    const edge = this.edges[Math.max(1, Math.min(this.edges.length, cut)) - 1] as number;
    return Math.log(edge / (1 - edge));
  }

  /** The first candidate under which a branch lets a bin leave. */
  private firstOpen(branch: number, bin: number): number {
    const turn = this.branches - 1 - branch;
    return (this.edges.length - bin) * this.branches + turn + 1;
  }
}

/** Whether two vectors of thresholds do the same. They travel as float32, and people see fewer digits of them. */
export function sameThresholds(a: readonly number[], b: readonly number[]): boolean {
  return (
    a.length === b.length &&
    a.every((threshold, branch) => {
      const other = b[branch] as number;
      return Math.fround(threshold) === Math.fround(other) || (threshold > 1 && other > 1);
    })
  );
}
