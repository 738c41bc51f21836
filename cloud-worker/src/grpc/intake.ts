import { checkTensor, pictureFileOf, pictureOf, stageLayout } from '@offramp/bundle';
import { checkThresholds, neverExit, type TensorMessage } from '@offramp/contracts';
import { type Clock, describeError, OfframpError, shortDigest, toOfframpError } from '@offramp/runtime';
import type { Admission } from '../admission/admission.js';
import type { ServiceRate } from '../admission/service-rate.js';
import { Sender } from '../batching/fair-clock.js';
import { PendingSample, type SampleOutcome } from '../batching/pending-sample.js';
import type { BundleRegistry } from '../bundles/bundle-registry.js';
import type { PictureQueue } from '../pictures/picture-queue.js';
import type { WorkerStats } from '../report/worker-stats.js';

/** When a client of a draining worker should retry; another worker may have started by then. */
const drainRetryMs = 1_000;

/** A sample to be answered. */
export interface Submission {
  /** Its sender. Turns and places are shared among senders. */
  sender: Sender;
  bundleDigest: Uint8Array;
  /** The stage to run next. */
  stage: number;
  tensor: TensorMessage | null;
  /** One per branch; `null` runs the whole backbone. */
  thresholds: readonly number[] | null;
  /** How long the answer is awaited, in milliseconds from now; `Infinity`: no limit. */
  patienceMs: number;
  /** Whether it is an audit, whose answer is not awaited. Default false. */
  audit?: boolean;
}

/** Checks samples, admits them, and passes them to their bundles. */
export class Intake {
  private readonly pending = new Set<PendingSample>();
  private draining = false;
  /** Audits have a common sender, so that they take no turns from the samples of their device. */
  private readonly audits = new Sender();

  constructor(
    private readonly bundles: BundleRegistry,
    private readonly admission: Admission,
    private readonly pictures: PictureQueue,
    private readonly rate: ServiceRate,
    private readonly stats: WorkerStats,
    private readonly clock: Clock,
  ) {}

  /**
   * Submits a sample. Its outcome is passed to `onSettled` once, later; a thrown error is its refusal.
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

  /** Abandons samples whose answers are no longer awaited, and frees their places. */
  abandon(samples: Iterable<PendingSample>): void {
    for (const sample of samples) sample.settle({ kind: 'abandoned' });
  }

  /** Refuses new samples and holds none; resolves when all admitted ones are settled. */
  async drain(): Promise<void> {
    this.draining = true;
    this.bundles.finish();
    await this.admission.empty();
  }

  /** Refuses all remaining samples. */
  refuseAll(error: OfframpError): void {
    for (const sample of this.pending) sample.settle({ kind: 'refused', error });
  }

  private admit(submission: Submission, onSettled: (outcome: SampleOutcome) => void): PendingSample {
    if (this.draining) throw stopping();
    const { stage, tensor, patienceMs, audit } = submission;
    const { served, thresholds } = this.check(submission);
    const what = `input of stage ${stage}`;
    const layout = stageLayout(served.bundle.manifest, stage);
    const file = pictureFileOf(what, layout, tensor);
    const input = file ? null : checkTensor(what, layout, tensor);
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
        this.pictures.settled(settled);
        this.admission.leave(sender);
        this.count(outcome, audit);
        onSettled(outcome);
        served.settled(settled);
      },
    });
    this.pending.add(sample);
    this.stats.onAdmitted();
    served.enter();
    const picture = pictureOf(layout);
    const queue = () => served.queue(stage, sample);
    if (file && picture) this.pictures.add({ sample, file, input: picture, name: what, onDecoded: queue });
    else queue();
    return sample;
  }

  private check({ bundleDigest, stage, thresholds }: Submission) {
    const digest = Buffer.from(bundleDigest).toString('hex');
    const served = this.bundles.get(digest);
    if (!served) {
      const known = this.bundles.digests().map(shortDigest).join(', ') || 'none';
      throw new OfframpError(
        'BUNDLE_UNKNOWN',
        `bundle digest: expected one of ${known}; found ${shortDigest(digest) || 'nothing'}`,
      );
    }
    const { branches, manifest } = served.bundle;
    if (!manifest.stages[stage]) {
      throw new OfframpError('TENSOR_INVALID', `stage: expected 0 to ${branches}, found ${stage}`);
    }
    if (thresholds) checkThresholds(thresholds, branches);
    return { served, thresholds: thresholds ?? neverExit(branches) };
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
    this.stats.onRefused(describeError(error.code).grpcStatus);
    const wanting = error.code === 'OVERLOADED' || error.code === 'DEADLINE_EXCEEDED';
    if (wanting && !audit) this.stats.onTurnedAway();
  }
}

export function stopping(): OfframpError {
  return new OfframpError('STOPPING', 'the worker is stopping', { retryAfterMs: drainRetryMs });
}
