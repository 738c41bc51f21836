import type { DeviceStateInit, TelemetryReportInit } from '@offramp/contracts';
import type { EvidenceByPolicy } from './evidence-by-policy.js';
import type { WindowCounts } from './window-counts.js';

/** A window that has ended, and the device's state at its end. */
export interface EndedWindow {
  counts: WindowCounts;
  evidence: EvidenceByPolicy;
  windowMs: number;
  state: DeviceStateInit;
}

export interface ReportIdentity {
  device: string;
  group: string;
  /** Random, one per start of the agent. */
  bootId: string;
}

/**
 * Reports that are not acknowledged yet, oldest first. No count is lost.
 *
 * A window becomes a report with the next sequence number when it is first sent. From then on it does not change, because it
 * may have arrived without an acknowledgement. Later windows have no number yet. If there are too many of them, the two oldest
 * are merged, so that the sequence has no gaps after a long NATS outage.
 */
export class ReportBacklog {
  private sending: TelemetryReportInit | null = null;
  private readonly waiting: EndedWindow[] = [];
  private sequence = 0;

  /** @param maxReports limit of waiting windows, 2 or more */
  constructor(
    private readonly identity: ReportIdentity,
    private readonly maxReports: number,
  ) {}

  /** Reports not acknowledged yet. */
  get size(): number {
    return this.waiting.length + (this.sending ? 1 : 0);
  }

  add(window: EndedWindow): void {
    this.waiting.push(window);
    if (this.waiting.length <= this.maxReports) return;
    const [oldest, next] = this.waiting.splice(0, 2) as [EndedWindow, EndedWindow];
    oldest.counts.merge(next.counts);
    oldest.evidence.merge(next.evidence);
    this.waiting.unshift({
      counts: oldest.counts,
      evidence: oldest.evidence,
      windowMs: oldest.windowMs + next.windowMs,
      state: next.state,
    });
  }

  /** The report to send: the same one until it is acknowledged; `null`: none. */
  next(): TelemetryReportInit | null {
    if (this.sending) return this.sending;
    const window = this.waiting.shift();
    if (!window) return null;
    this.sending = {
      ...this.identity,
      sequence: ++this.sequence,
      windowMs: Math.round(window.windowMs),
      state: window.state,
      window: {
        ...window.counts.toMessage(),
        evidence: window.evidence.toMessages(),
        evidenceDropped: window.evidence.dropped,
      },
    };
    return this.sending;
  }

  /** The report of {@link next} has arrived. */
  acknowledge(): void {
    this.sending = null;
  }
}
