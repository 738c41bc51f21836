import type { Bundle, CascadePool, CascadeSample, PassedSample } from '@offramp/bundle';
import { type AuditDropReason, binOf, type ExitOutcome, neverExit } from '@offramp/contracts';
import type { Clock } from '@offramp/runtime';
import type { OffloadLink } from '../offload/offload-link.js';
import type { SampleWriter } from '../offload/sample-writer.js';
import type { ActivePolicy } from '../policy/policy-holder.js';
import type { AuditEvent, AuditNews } from './audit-event.js';
import { ByteBudget } from './byte-budget.js';

/** A sample that was answered by an exit. */
export interface AuditCandidate {
  policy: ActivePolicy;
  /** Outcomes of the exits that it reached, from the first. The last one answered it. */
  outcomes: readonly ExitOutcome[];
  /** The model's input. */
  input: Float32Array;
  /** What the device's last stage made of it; `null` if the sample exited earlier. */
  end: PassedSample | null;
}

export interface AuditorParts {
  bundle: Bundle;
  /** Stages that the device runs. */
  deviceStages: number;
  cascade: Pick<CascadePool, 'run'>;
  /** `null`: the device does not offload. */
  link: Pick<OffloadLink, 'audit' | 'accepted'> | null;
  writer: SampleWriter;
  clock: Clock;
  /** In [0, 1); chooses the samples. */
  random: () => number;
  onEvent(event: AuditEvent): void;
}

/** Each audit holds a sample's input and, for a while, its activation. */
const maxAuditsInProgress = 16;

/**
 * Runs a random share of the answered samples on to the final exit: through the stages that the device holds, then on a
 * worker. Samples that are not answered yet go first. An audit that cannot be completed is dropped and counted.
 */
export class Auditor {
  private readonly underWay = new Set<AuditCandidate>();
  private readonly budget: ByteBudget;
  private stopped = false;
  /** Bytes of the last audit that was sent, as an estimate for the next one. */
  private lastBytes = 1;

  constructor(private readonly parts: AuditorParts) {
    this.budget = new ByteBudget(parts.clock);
  }

  /** Decides whether to audit an answered sample. Holds its tensors until the audit ends. */
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

  /** Drops audits in progress, and chooses no more samples. */
  stop(): void {
    this.stopped = true;
    for (const candidate of this.underWay) this.drop(candidate, 'failed');
  }

  private reasonAgainst({ policy }: AuditCandidate): AuditDropReason | null {
    if (this.underWay.size > maxAuditsInProgress) return 'busy';
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
    let { end } = candidate;
    if (!end) {
      // Starts from the input, because activations are not kept: few would ever be needed.
      const again: CascadeSample = { thresholds: neverExit(bundle.branches), passed: [] };
      const reached = await cascade.run(again, candidate.input, { background: true });
      outcomes.push(...again.passed.slice(outcomes.length));
      if ('left' in reached) {
        this.end(candidate, [...outcomes, reached.left]);
        return;
      }
      // A cascade that hurries ends early.
      if (again.passed.length < deviceStages) throw new Error('the device is stopping');
      end = reached;
    }
    await this.offload(candidate, outcomes, end);
  }

  private async offload(
    candidate: AuditCandidate,
    outcomes: readonly ExitOutcome[],
    end: PassedSample,
  ): Promise<void> {
    const { bundle, link, writer } = this.parts;
    const { policy, input } = candidate;
    if (!link || this.stopped) {
      this.drop(candidate, 'failed');
      return;
    }
    const sentInput = await writer.prepareInput({ input }, link.accepted);
    const outcome = await link.audit({
      bundleDigest: bundle.digestBytes,
      policyVersion: policy.version,
      write: (encodings) => {
        const tensors = { ...end, input: sentInput };
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

  /** @param outcomes of all exits, in order; a faulty worker may send others */
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
