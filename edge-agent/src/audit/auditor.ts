import type { Bundle, CascadePool, CascadeSample } from '@offramp/bundle';
import { type AuditDropReason, binOf, type ExitOutcome, neverExit } from '@offramp/contracts';
import type { Clock } from '@offramp/runtime';
import type { OffloadLink } from '../offload/offload-link.js';
import type { SampleWriter } from '../offload/sample-writer.js';
import type { ActivePolicy } from '../policy/policy-holder.js';
import type { AuditEvent, AuditNews } from './audit-event.js';
import { ByteBudget } from './byte-budget.js';

/** A sample that left by an exit. */
export interface AuditCandidate {
  policy: ActivePolicy;
  /** What the exits said that it came to, in order from the first; it left by the last of them. */
  outcomes: readonly ExitOutcome[];
  /** Of the model. */
  input: Float32Array;
  /** Of the device's last stage; `null` for a sample that left before its end. */
  activation: Float32Array | null;
}

export interface AuditorParts {
  bundle: Bundle;
  /** Stages that the device runs. */
  deviceStages: number;
  cascade: Pick<CascadePool, 'run'>;
  /** `null` where the device has nowhere to offload to. */
  link: Pick<OffloadLink, 'audit'> | null;
  writer: SampleWriter;
  clock: Clock;
  /** In [0, 1); chooses the samples. */
  random: () => number;
  onEvent(event: AuditEvent): void;
}

/** Each holds a sample's input and, for a while, its activation. */
const maxAuditsUnderWay = 16;

/**
 * Runs a random share of the answered samples on to the final exit, to learn what it says of them: through the stages that
 * the device holds, then on a worker, always behind the samples that somebody waits for. Where that does not go
 * through, the audit is dropped and counted.
 */
export class Auditor {
  private readonly underWay = new Set<AuditCandidate>();
  private readonly budget: ByteBudget;
  private stopped = false;
  /** Of the last audit that was sent: what the next one will need, at a guess. */
  private lastBytes = 1;

  constructor(private readonly parts: AuditorParts) {
    this.budget = new ByteBudget(parts.clock);
  }

  /** Takes a sample that has been answered, and chooses whether to audit it. Keeps its tensors as long as that takes. */
  consider(candidate: AuditCandidate): void {
    const { auditRate } = candidate.policy;
    if (this.stopped || auditRate <= 0 || this.parts.random() >= auditRate) return;
    this.underWay.add(candidate);
    this.tell(candidate, { kind: 'chosen' });
    if (candidate.outcomes.length > this.parts.bundle.branches) {
      this.end(candidate, candidate.outcomes);
      return;
    }
    const reason = this.reasonAgainst(candidate);
    if (reason) this.drop(candidate, reason);
    else this.runOn(candidate).catch(() => this.drop(candidate, 'failed'));
  }

  /** Drops what is under way, and chooses no more. */
  stop(): void {
    this.stopped = true;
    for (const candidate of this.underWay) this.drop(candidate, 'failed');
  }

  private reasonAgainst({ policy }: AuditCandidate): AuditDropReason | null {
    if (this.underWay.size > maxAuditsUnderWay) return 'busy';
    if (this.holdsAllStages) return null;
    if (!this.parts.link) return 'failed';
    return this.budget.allows(this.lastBytes, policy.maxAuditBytesPerHour) ? null : 'budget';
  }

  private get holdsAllStages(): boolean {
    return this.parts.deviceStages > this.parts.bundle.branches;
  }

  private async runOn(candidate: AuditCandidate): Promise<void> {
    const { bundle, cascade, deviceStages } = this.parts;
    const outcomes = [...candidate.outcomes];
    let { activation } = candidate;
    if (!activation) {
      // From the input anew: the activation where it left is not kept, since next to none would be needed.
      const again: CascadeSample = { thresholds: neverExit(bundle.branches), passed: [] };
      const end = await cascade.run(again, candidate.input, { background: true });
      outcomes.push(...again.passed.slice(outcomes.length));
      if ('left' in end) {
        this.end(candidate, [...outcomes, end.left]);
        return;
      }
      // In a hurry, the cascade ends before its time.
      if (again.passed.length < deviceStages) throw new Error('the device is stopping');
      activation = end.activation;
    }
    await this.offload(candidate, outcomes, activation);
  }

  private async offload(
    candidate: AuditCandidate,
    outcomes: readonly ExitOutcome[],
    activation: Float32Array,
  ): Promise<void> {
    const { bundle, link, writer } = this.parts;
    const { policy, input } = candidate;
    if (!link || this.stopped) {
      this.drop(candidate, 'failed');
      return;
    }
    const outcome = await link.audit({
      bundleDigest: bundle.digestBytes,
      policyVersion: policy.version,
      write: (encodings) => {
        const tensors = { activation, input: writer.sendsInput ? input : null };
        const written = writer.write(tensors, neverExit(bundle.branches), encodings);
        const bytes = written.tensor.data.byteLength;
        this.lastBytes = bytes;
        if (!this.budget.take(bytes, policy.maxAuditBytesPerHour)) return null;
        this.tell(candidate, { kind: 'sent', bytes });
        return written;
      },
    });
    if ('dropped' in outcome) {
      this.drop(candidate, outcome.dropped);
      return;
    }
    const onWorker = [...outcome.answer.passed, outcome.answer.outcome];
    this.end(candidate, [...outcomes, ...onWorker.filter(({ exit }) => exit >= outcomes.length)]);
  }

  /** @param outcomes of all exits, in order; others come from a worker that does not do as it was told */
  private end(candidate: AuditCandidate, outcomes: readonly ExitOutcome[]): void {
    const { branches } = this.parts.bundle;
    const final = outcomes[branches];
    if (!final || outcomes.some(({ exit }, i) => exit !== i)) {
      this.drop(candidate, 'failed');
      return;
    }
    if (!this.underWay.delete(candidate)) return;
    const exits = outcomes.slice(0, branches).map(({ label, confidence }) => ({
      bin: binOf(confidence),
      agreed: label === final.label,
    }));
    const leftAt = candidate.outcomes.length - 1;
    this.tell(candidate, { kind: 'ended', record: { exits, leftAt } });
  }

  private drop(candidate: AuditCandidate, reason: AuditDropReason): void {
    if (!this.underWay.delete(candidate)) return;
    this.tell(candidate, { kind: 'dropped', reason });
  }

  private tell({ policy }: AuditCandidate, what: AuditNews): void {
    this.parts.onEvent({ policyVersion: policy.version, ...what });
  }
}
