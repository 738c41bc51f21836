import type { AuditDropReason, ResumeResponse } from '@offramp/contracts';
import type { Clock } from '@offramp/runtime';
import { type AnswerScope, checkAnswer, type WorkerAnswer } from './check-answer.js';
import type { OffloadSample, WrittenSample } from './offload-sample.js';
import type { OffloadStream } from './transport.js';
import { pauseOf, refusedWith } from './worker-refusal.js';

/** An answered sample that is to run on to the final exit. */
export interface OffloadAudit extends Pick<OffloadSample, 'bundleDigest' | 'policyVersion'> {
  /** As {@link OffloadSample.write}; `null`: it must not be sent any more. */
  write(encodings: ReadonlySet<number>): WrittenSample | null;
}

export type OffloadAuditOutcome = { answer: WorkerAnswer } | { dropped: AuditDropReason };

interface PendingAudit {
  id: number;
  audit: OffloadAudit;
  expiresAt: number;
  /** The stage at which the worker resumes it; `null` before it is sent. */
  stage: number | null;
  cancelTimer: () => void;
  settle(outcome: OffloadAuditOutcome): void;
}

/**
 * Audits that wait for a worker; one at a time is on the stream. Each gets exactly one outcome, within its timeout. The
 * caller decides when the next one is sent.
 */
export class AuditQueue {
  private readonly waiting = new Set<PendingAudit>();
  private sent: PendingAudit | null = null;
  private pausedUntil = Number.NEGATIVE_INFINITY;

  /**
   * @param timeoutMs of an audit, including its wait
   * @param onExpired called when an audit has timed out, so that another can be sent
   */
  constructor(
    private readonly timeoutMs: number,
    private readonly scope: AnswerScope,
    private readonly clock: Clock,
    private readonly onExpired: () => void,
  ) {}

  /** Whether a worker that refused an audit has asked for a pause. */
  get paused(): boolean {
    return this.clock.now() < this.pausedUntil;
  }

  /** Never rejects, and settles within the timeout. */
  add(id: number, audit: OffloadAudit): Promise<OffloadAuditOutcome> {
    return new Promise((resolve) => {
      const pending: PendingAudit = {
        id,
        audit,
        expiresAt: this.clock.now() + this.timeoutMs,
        stage: null,
        cancelTimer: this.clock.after(this.timeoutMs, () => {
          this.drop(pending, pending.stage === null ? 'busy' : 'failed');
          this.onExpired();
        }),
        settle: resolve,
      };
      this.waiting.add(pending);
    });
  }

  /**
   * Sends the first waiting audit that may be sent, unless another is on the stream.
   * @returns whether the stream accepts more
   */
  sendNext(stream: OffloadStream, encodings: ReadonlySet<number>): boolean {
    for (const pending of this.waiting) {
      if (this.sent) return true;
      this.waiting.delete(pending);
      const { bundleDigest, policyVersion } = pending.audit;
      const written = pending.audit.write(encodings);
      if (!written) {
        this.drop(pending, 'budget');
        continue;
      }
      pending.stage = written.stage;
      this.sent = pending;
      return stream.send({
        ...written,
        bundleDigest,
        policyVersion,
        sampleId: pending.id,
        deadlineMs: Math.max(1, Math.floor(pending.expiresAt - this.clock.now())),
        audit: true,
      });
    }
    return true;
  }

  /** Whether a response belongs to the audit on the stream. */
  hasSent(id: number): boolean {
    return this.sent?.id === id;
  }

  /**
   * Handles the response to the audit on the stream.
   * @returns what is wrong with the response; `null`: nothing
   */
  respond({ answer, refusal }: ResumeResponse): string | null {
    const pending = this.sent;
    if (!pending) return null;
    const checked = answer ? checkAnswer(answer, this.scope, pending.stage ?? undefined) : null;
    if (checked && typeof checked === 'object') {
      this.finish(pending, { answer: checked });
      return null;
    }
    const pauseMs = refusal ? pauseOf(refusal) : 0;
    this.pausedUntil = this.clock.now() + pauseMs;
    this.drop(pending, refusal && refusedWith('OVERLOADED', refusal) ? 'busy' : 'failed');
    if (pauseMs > 0) this.dropWaiting('busy');
    return checked;
  }

  /** The response to this audit, if it is one, will not come. */
  lost(id: number): void {
    if (this.sent?.id === id) this.drop(this.sent, 'failed');
  }

  dropWaiting(reason: AuditDropReason): void {
    for (const pending of this.waiting) this.drop(pending, reason);
  }

  dropAll(reason: AuditDropReason): void {
    this.dropWaiting(reason);
    if (this.sent) this.drop(this.sent, reason);
  }

  private drop(pending: PendingAudit, dropped: AuditDropReason): void {
    this.finish(pending, { dropped });
  }

  private finish(pending: PendingAudit, outcome: OffloadAuditOutcome): void {
    pending.cancelTimer();
    this.waiting.delete(pending);
    if (this.sent === pending) this.sent = null;
    pending.settle(outcome);
  }
}
