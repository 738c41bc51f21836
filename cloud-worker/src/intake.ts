import {
  type Clock,
  checkTensor,
  checkThresholds,
  neverExit,
  OfframpError,
  shortDigest,
  type TensorMessage,
} from '@offramp/shared';
import type { Admission } from './admission.js';
import type { BundleShelf } from './bundle-shelf.js';
import { Sender } from './fair-clock.js';
import { PendingSample, type SampleOutcome } from './pending-sample.js';
import { statusCodeOf, toOfframpError } from './refusal.js';
import type { ServiceRate } from './service-rate.js';
import type { WorkerStats } from './worker-stats.js';

/** When a client that meets a draining worker should try again: another one may be there by then. */
const drainRetryMs = 1_000;

/** What somebody sent to be answered. */
export interface Submission {
  /** Who sent it, among whom turns and places are shared. */
  sender: Sender;
  bundleDigest: Uint8Array | null | undefined;
  /** The stage to run next. */
  stage: number;
  tensor: TensorMessage | null | undefined;
  /** One per branch; `null` to run the whole backbone. */
  thresholds: readonly number[] | null;
  /** For how long somebody waits, in milliseconds from now; `Infinity` for ever. */
  patienceMs: number;
  /** Whether nobody waits for the answer. Default false. */
  audit?: boolean;
}

/** Checks what comes in, admits it, and hands it to its bundle. */
export class Intake {
  private readonly pending = new Set<PendingSample>();
  private draining = false;
  /** Audits have turns of their own, so that they take none from the samples of who sent them. */
  private readonly audits = new Sender();

  constructor(
    private readonly bundles: BundleShelf,
    private readonly admission: Admission,
    private readonly rate: ServiceRate,
    private readonly stats: WorkerStats,
    private readonly clock: Clock,
  ) {}

  /**
   * Takes a sample in. Its outcome comes through `onSettled`, once, later; what this throws is its refusal.
   * @throws OfframpError `STOPPING`, `BUNDLE_UNKNOWN`, `TENSOR_INVALID`, `POLICY_INVALID`, `OVERLOADED`
   */
  submit(submission: Submission, onSettled: (outcome: SampleOutcome) => void): PendingSample {
    this.stats.onReceived();
    try {
      return this.admit(submission, onSettled);
    } catch (thrown) {
      const error = toOfframpError(thrown);
      this.countRefusal(error, submission.audit);
      throw error;
    }
  }

  /** Forgets samples that nobody waits for any more, and frees their places. */
  abandon(samples: Iterable<PendingSample>): void {
    for (const sample of samples) sample.settle({ kind: 'abandoned' });
  }

  /** Takes nothing new and holds nothing back; resolves when what was admitted is settled. */
  async drain(): Promise<void> {
    this.draining = true;
    this.bundles.finish();
    await this.admission.empty();
  }

  /** Settles everything that is still here as refused. */
  refuseAll(error: OfframpError): void {
    for (const sample of this.pending) sample.settle({ kind: 'refused', error });
  }

  private admit(submission: Submission, onSettled: (outcome: SampleOutcome) => void): PendingSample {
    if (this.draining) throw stopping();
    const { stage, tensor, patienceMs, audit } = submission;
    const { served, shape, thresholds } = this.check(submission);
    const made = stage === 0 ? served.bundle.manifest.input : undefined;
    const input = checkTensor(`input of stage ${stage}`, shape, tensor, made);
    const arrivedMs = this.clock.now();
    const sender = audit ? this.audits : submission.sender;
    if (audit) this.admission.enterAudit(sender, patienceMs, arrivedMs);
    else this.admission.enter(sender, patienceMs, arrivedMs);
    const sample = new PendingSample({
      bundleDigest: served.bundle.digestBytes,
      sender,
      thresholds,
      arrivedMs,
      deadlineMs: arrivedMs + patienceMs,
      input,
      onSettled: (settled, outcome) => {
        this.pending.delete(settled);
        this.admission.leave(sender);
        this.count(outcome, audit);
        onSettled(outcome);
        served.settled(settled);
      },
    });
    this.pending.add(sample);
    this.stats.onAdmitted();
    served.submit(stage, sample);
    return sample;
  }

  private check({ bundleDigest, stage, thresholds }: Submission) {
    const digest = Buffer.from(bundleDigest ?? []).toString('hex');
    const served = this.bundles.get(digest);
    if (!served) {
      const known = this.bundles.digests().map(shortDigest).join(', ') || 'none';
      throw new OfframpError(
        'BUNDLE_UNKNOWN',
        `bundle digest: expected one of ${known}; found ${shortDigest(digest) || 'nothing'}`,
      );
    }
    const { branches, manifest } = served.bundle;
    const shape = manifest.stages[stage]?.inputShape;
    if (!shape) {
      throw new OfframpError('TENSOR_INVALID', `stage: expected 0 to ${branches}, found ${stage}`);
    }
    if (thresholds) checkThresholds(thresholds, branches);
    return { served, shape, thresholds: thresholds ?? neverExit(branches) };
  }

  private count(outcome: SampleOutcome, audit = false): void {
    this.stats.onLeft();
    if (outcome.kind === 'answered') {
      this.rate.onLeft();
      this.stats.onAnswered(outcome.answer.outcome.exit);
    } else if (outcome.kind === 'refused') this.countRefusal(outcome.error, audit);
    else this.stats.onAbandoned();
  }

  private countRefusal(error: OfframpError, audit = false): void {
    this.stats.onRefused(statusCodeOf(error));
    const wanting = error.code === 'OVERLOADED' || error.code === 'DEADLINE_EXCEEDED';
    if (wanting && !audit) this.stats.onTurnedAway();
  }
}

export function stopping(): OfframpError {
  return new OfframpError('STOPPING', 'the worker is stopping', { retryAfterMs: drainRetryMs });
}
