import { type Clock, isDoubling, type Logger, messageOf } from '@offramp/runtime';
import type { StreamMessage } from '../streams/stream-feed.js';
import type { EvidenceRegister } from './evidence/evidence-register.js';
import type { FleetActivity } from './register/fleet-activity.js';
import type { Applied, FleetRegister } from './register/fleet-register.js';
import { readReport } from './report.js';
import type { WindowCounts } from './window-counts.js';

/** Counts a report's window besides the registers. */
export interface WindowCounter {
  countWindow(group: string, window: WindowCounts): void;
}

/** Adds reports to the registers, and counts their outcomes. */
export class ReportCounter {
  readonly counts: Record<Applied | 'invalid', number> = {
    counted: 0,
    repeated: 0,
    stale: 0,
    full: 0,
    invalid: 0,
  };

  constructor(
    private readonly register: FleetRegister,
    private readonly evidence: EvidenceRegister,
    private readonly activity: FleetActivity,
    private readonly metrics: WindowCounter | null,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  take({ subject, data, seenAtMs, ...stored }: StreamMessage): void {
    try {
      const report = readReport(subject, data);
      const applied = this.register.apply(report, seenAtMs, this.clock.now());
      if (applied === 'counted') {
        this.evidence.add(report, stored);
        this.activity.add(report, stored.storedAtMs);
        this.metrics?.countWindow(report.group, report.window);
      }
      const warning = {
        counted: null,
        repeated: null,
        stale: 'a report of an earlier boot was dropped; if this continues, two agents have the same name',
        full: 'a new device was ignored: the register is full (see --max-devices)',
      }[applied];
      this.count(applied, subject, warning);
    } catch (error) {
      this.count('invalid', subject, `a report was dropped: ${messageOf(error)}`);
    }
  }

  private count(outcome: Applied | 'invalid', subject: string, warning: string | null): void {
    const total = ++this.counts[outcome];
    if (warning && isDoubling(total)) {
      this.logger.warn({ subject, outcome, total }, warning);
    }
  }
}
