import { expectAtMost } from '../counts/check-counts.js';
import { LatencySketch } from '../telemetry/latency-sketch.js';
import type { EvidenceInit, EvidenceMessage } from '../wire/messages.js';
import { AuditLog } from './audit-log.js';
import { BinCounts } from './bin-counts.js';
import { checkEvidence } from './check-evidence.js';
import { binOf } from './confidence-bins.js';
import type { AuditDropReason, AuditRecord, PolicyEvidence } from './exit-evidence.js';
import type { ExitOutcome } from './exit-outcome.js';

export interface EvidenceCountsOptions {
  /** Audit records that are kept, the newest. */
  maxRecords: number;
  /** Whether latencies are kept, which take more memory than all the rest. Default true. */
  latencies?: boolean;
}

/** How a sample ended. */
export interface EndedSample {
  /** What the exits said that it passed without leaving, in order. */
  passed: readonly ExitOutcome[];
  /** The exit that answered. */
  exit: number;
  /** Of that exit. */
  confidence: number;
  degraded: boolean;
  offloaded: boolean;
  /** Whether a worker refused it. Default false. */
  refusedByWorker?: boolean;
  latencyMs: number;
  /** Whether it took longer than the policy's latency target; `null`: that has none. Default `null`. */
  late?: boolean | null;
}

const plainCounts = [
  'samples',
  'degraded',
  'offloaded',
  'refusedByWorker',
  'auditsChosen',
  'audited',
  'auditedFinal',
  'auditBytes',
] as const;
const dropReasons = ['busy', 'budget', 'failed'] as const satisfies readonly AuditDropReason[];

/** {@link PolicyEvidence} that grows: sample by sample on a device, report by report in the controller. */
export class EvidenceCounts {
  samples = 0;
  degraded = 0;
  offloaded = 0;
  refusedByWorker = 0;
  auditsChosen = 0;
  audited = 0;
  auditedFinal = 0;
  auditBytes = 0;
  readonly left: number[];
  readonly auditsDropped: Record<AuditDropReason, number> = { busy: 0, budget: 0, failed: 0 };
  private lateByExit: number[] | null = null;
  /** `null` where latencies are not kept. */
  private readonly latency: LatencySketch | null;
  private readonly confidence = new BinCounts();
  private readonly agreed = new BinCounts();
  private readonly disagreed = new BinCounts();
  private readonly log: AuditLog;

  constructor(
    readonly branches: number,
    options: EvidenceCountsOptions,
  ) {
    this.latency = options.latencies === false ? null : LatencySketch.create();
    this.left = new Array<number>(branches + 1).fill(0);
    this.log = new AuditLog(branches, options.maxRecords);
  }

  /** Of `left`, those that took longer than wanted; `null` if latency is not measured. */
  get late(): readonly number[] | null {
    return this.lateByExit;
  }

  countSample(sample: EndedSample): void {
    const { passed, exit, confidence, degraded, offloaded, latencyMs, late = null } = sample;
    if (sample.refusedByWorker) this.refusedByWorker++;
    this.samples++;
    if (offloaded) this.offloaded++;
    if (degraded) this.degraded++;
    else this.left[exit] = (this.left[exit] ?? 0) + 1;
    if (late !== null) this.addLate(exit, late && !degraded ? 1 : 0);
    for (const outcome of passed) this.confidence.add(outcome.exit, binOf(outcome.confidence));
    // A degraded sample is answered by an exit that it has passed.
    if (!degraded && exit < this.branches) this.confidence.add(exit, binOf(confidence));
    this.latency?.add(latencyMs);
  }

  /** A chosen sample has been run on to the final exit, or had come there by itself. */
  countAudit(record: AuditRecord): void {
    const { leftAt, exits } = record;
    this.log.add(record);
    const exit = exits[leftAt];
    if (!exit) {
      this.auditedFinal++;
      return;
    }
    this.audited++;
    (exit.agreed ? this.agreed : this.disagreed).add(leftAt, exit.bin);
  }

  merge(other: EvidenceCounts): void {
    for (const name of plainCounts) this[name] += other[name];
    for (const reason of dropReasons) this.auditsDropped[reason] += other.auditsDropped[reason];
    other.left.forEach((count, exit) => {
      this.left[exit] = (this.left[exit] ?? 0) + count;
    });
    other.late?.forEach((count, exit) => {
      this.addLate(exit, count);
    });
    this.confidence.merge(other.confidence);
    this.agreed.merge(other.agreed);
    this.disagreed.merge(other.disagreed);
    this.log.merge(other.log);
    if (other.latency) this.latency?.merge(other.latency);
  }

  /** @param withLatency whether nothing else in the message holds the latencies */
  toMessage(policyVersion: number, withLatency = true): EvidenceInit {
    const branches = [...this.left.keys()].slice(0, -1);
    return {
      policyVersion,
      samples: this.samples,
      left: this.left,
      late: this.lateByExit ?? [],
      degraded: this.degraded,
      offloaded: this.offloaded,
      refusedByWorker: this.refusedByWorker,
      confidence: branches.map((branch) => this.confidence.toMessage(branch)),
      audits:
        this.audited === 0
          ? []
          : branches.map((branch) => ({
              agreed: this.agreed.toMessage(branch),
              disagreed: this.disagreed.toMessage(branch),
            })),
      auditsChosen: this.auditsChosen,
      audited: this.audited,
      auditedFinal: this.auditedFinal,
      auditsDropped: this.auditsDropped,
      auditBytes: this.auditBytes,
      auditRecords: this.log.toBytes(),
      auditRecordsDropped: this.log.dropped,
      latencySketch: withLatency && this.latency?.count ? this.latency.encode() : new Uint8Array(0),
    };
  }

  /**
   * Reads what came over the wire, which may be broken or hostile.
   * @param latency what the window's own sketch says, for a message that leaves its latencies to that
   * @throws Error for evidence that does not fit the number of branches; names the field
   */
  static fromMessage(
    message: EvidenceMessage,
    branches: number,
    options: EvidenceCountsOptions,
    latency: LatencySketch | null = null,
  ): EvidenceCounts {
    checkEvidence(message, branches);
    const counts = new EvidenceCounts(branches, options);
    for (const name of plainCounts) counts[name] = message[name];
    const { auditsDropped } = message;
    if (auditsDropped) for (const reason of dropReasons) counts.auditsDropped[reason] = auditsDropped[reason];
    message.left.forEach((count, exit) => {
      counts.left[exit] = count;
    });
    message.late.forEach((count, exit) => {
      counts.addLate(exit, count);
    });
    message.confidence.forEach((histogram, branch) => {
      counts.confidence.addMessage(branch, histogram);
    });
    message.audits.forEach(({ agreed, disagreed }, branch) => {
      if (agreed) counts.agreed.addMessage(branch, agreed);
      if (disagreed) counts.disagreed.addMessage(branch, disagreed);
    });
    counts.log.addChecked(message.auditRecords);
    counts.log.dropped += message.auditRecordsDropped;
    const own = message.latencySketch.length > 0 ? LatencySketch.decode(message.latencySketch) : null;
    expectAtMost('latency_sketch', own?.count ?? 0, message.samples, 'samples');
    const sketch = own ?? latency;
    if (sketch) counts.latency?.merge(sketch);
    return counts;
  }

  /** Samples by the first branch's confidence, one count a bin; of no branches, none. */
  firstConfidences(): number[] {
    return this.branches === 0 ? [] : this.confidence.of(0);
  }

  view(policyVersion: number): PolicyEvidence {
    const latency = LatencySketch.create();
    if (this.latency) latency.merge(this.latency);
    const plain = Object.fromEntries(plainCounts.map((name) => [name, this[name]])) as Pick<
      EvidenceCounts,
      (typeof plainCounts)[number]
    >;
    return {
      policyVersion,
      ...plain,
      exits: Array.from({ length: this.branches }, (_, branch) => ({
        histogram: this.confidence.of(branch),
        audits: { agreed: this.agreed.of(branch), disagreed: this.disagreed.of(branch) },
      })),
      left: [...this.left],
      late: this.lateByExit && [...this.lateByExit],
      auditsDropped: { ...this.auditsDropped },
      records: this.log.records(),
      recordsDropped: this.log.dropped,
      latency,
    };
  }

  private addLate(exit: number, count: number): void {
    this.lateByExit ??= this.left.map(() => 0);
    this.lateByExit[exit] = (this.lateByExit[exit] ?? 0) + count;
  }
}
