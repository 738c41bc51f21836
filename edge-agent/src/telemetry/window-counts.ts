import { exitMacs, type Manifest, usualInput } from '@offramp/bundle';
import {
  addWindowCounters,
  LatencySketch,
  pickWindowCounters,
  WindowCounters,
  type WindowInit,
} from '@offramp/contracts';
import type { AnsweredResult, SampleResult } from '../answer.js';
import type { AuditEvent } from '../audit/audit-event.js';

/** Counts of a window, as defined by `Window` in `proto/offramp/v1/fleet.proto`. */
export class WindowCounts extends WindowCounters {
  /** Answers per exit; the final exit last. */
  readonly exits: number[];
  /** Samples and bytes sent to workers, by encoding. */
  readonly encodings = new Map<number, { samples: number; bytes: number }>();
  /** Per branch. */
  readonly agreement: { compared: number; agreed: number }[];
  /** Milliseconds from arrival to answer. */
  readonly latency = LatencySketch.create();
  private readonly exitMacs: readonly number[];
  private readonly usualBytes: number;

  constructor(private readonly manifest: Manifest) {
    super();
    this.exitMacs = exitMacs(manifest);
    this.usualBytes = Math.round(usualInput(manifest).bytes);
    this.exits = manifest.stages.map(() => 0);
    this.agreement = manifest.stages.slice(1).map(() => ({ compared: 0, agreed: 0 }));
  }

  countResult(result: SampleResult): void {
    if (result.kind === 'failed') this.failed++;
    else this.countAnswer(result);
  }

  countRefused(): void {
    this.refused++;
  }

  countAudit(event: AuditEvent): void {
    if (event.kind === 'sent') this.auditBytes += event.bytes;
    else if (event.kind === 'dropped') this.auditsDropped++;
    else if (event.kind === 'ended') {
      const left = event.record.exits[event.record.leftAt];
      if (!left) return;
      this.audited++;
      if (left.agreed) this.auditsAgreed++;
    }
  }

  merge(other: WindowCounts): void {
    addWindowCounters(this, other);
    other.exits.forEach((count, exit) => {
      this.exits[exit] = (this.exits[exit] ?? 0) + count;
    });
    this.agreement.forEach((mine, branch) => {
      mine.compared += other.agreement[branch]?.compared ?? 0;
      mine.agreed += other.agreement[branch]?.agreed ?? 0;
    });
    for (const [encoding, { samples, bytes }] of other.encodings) this.countSent(encoding, samples, bytes);
    this.latency.merge(other.latency);
  }

  toMessage(): WindowInit {
    return {
      ...pickWindowCounters(this),
      exits: this.exits,
      agreement: this.agreement,
      latencySketch: this.latency.encode(),
      encodings: [...this.encodings]
        .sort(([a], [b]) => a - b)
        .map(([encoding, counts]) => ({ encoding, ...counts })),
    };
  }

  private countAnswer({ answer, passed, stagesRun, byWorker, sent, trueLabelIndex }: AnsweredResult) {
    const { exit } = answer;
    this.samples++;
    this.inputBytes += this.usualBytes;
    this.exits[exit] = (this.exits[exit] ?? 0) + 1;
    if (answer.offloaded) this.offloaded++;
    if (answer.degraded) this.degraded++;
    if (trueLabelIndex !== null) {
      this.labelled++;
      if (answer.labelIndex === trueLabelIndex) this.correct++;
    }
    if (sent) {
      this.offloadBytes += sent.bytes;
      this.countSent(sent.encoding, 1, sent.bytes);
    }
    const onDevice = this.exitMacs[stagesRun - 1] ?? 0;
    this.deviceMacs += onDevice;
    // A worker that got the input has run all stages.
    if (byWorker) this.cloudMacs += (this.exitMacs[exit] ?? 0) - (sent?.stage === 0 ? 0 : onDevice);
    if (exit === this.manifest.stages.length - 1) {
      for (const outcome of passed) {
        const branch = this.agreement[outcome.exit];
        if (!branch) continue;
        branch.compared++;
        if (outcome.label === answer.labelIndex) branch.agreed++;
      }
    }
    this.latency.add(answer.latencyMs);
  }

  private countSent(encoding: number, samples: number, bytes: number): void {
    const counts = this.encodings.get(encoding) ?? { samples: 0, bytes: 0 };
    counts.samples += samples;
    counts.bytes += bytes;
    this.encodings.set(encoding, counts);
  }
}
