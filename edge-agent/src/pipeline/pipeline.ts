import {
  type Bundle,
  brokenExitError,
  type CascadePool,
  type CascadeSample,
  type PassedSample,
} from '@offramp/bundle';
import type { ExitOutcome } from '@offramp/contracts';
import { type Clock, OfframpError, toOfframpError } from '@offramp/runtime';
import {
  type AnsweredResult,
  type AnswerHeader,
  answerBase,
  type FailedResult,
  type SampleResult,
} from '../answer.js';
import type { Auditor } from '../audit/auditor.js';
import type { SentTensor } from '../offload/link-types.js';
import type { OffloadLink } from '../offload/offload-link.js';
import type { SampleWriter } from '../offload/sample-writer.js';
import type { ActivePolicy, PolicyHolder } from '../policy/policy-holder.js';
import type { LoadedSample } from './loaded-sample.js';

/** A sample as a source hands it over. */
export interface IncomingSample {
  /** Its origin, such as a path. */
  name: string;
  /** Index into the bundle's labels, where known. */
  trueLabelIndex: number | null;
  /** Its errors become the sample's answer. */
  load(): Promise<LoadedSample>;
}

interface RunningSample extends CascadeSample {
  readonly policy: ActivePolicy;
  readonly passed: ExitOutcome[];
}

export interface PipelineParts {
  bundle: Bundle;
  /** Stages that the device runs, from the first. */
  deviceStages: number;
  /** Runs those stages. */
  cascade: Pick<CascadePool, 'run' | 'hurry'>;
  policy: PolicyHolder;
  /** `null`: the device does not offload. */
  link: OffloadLink | null;
  writer: SampleWriter;
  auditor: Pick<Auditor, 'consider'>;
  clock: Clock;
}

/** Takes samples from arrival to answer. Any number of them run concurrently. */
export class Pipeline {
  private lastId = 0;
  private hurrying = false;
  /** For each sample in progress: ends it with an error. */
  private readonly underWay = new Set<(error: OfframpError) => void>();

  constructor(private readonly parts: PipelineParts) {}

  /**
   * Answers a sample: by the first exit on the device whose confidence reaches its threshold, else by
   * the worker, else by the most confident exit that it passed. Never rejects.
   * @param arrivedAt by the clock, in milliseconds
   */
  async run(incoming: IncomingSample, arrivedAt = this.parts.clock.now()): Promise<SampleResult> {
    const id = ++this.lastId;
    const policy = this.parts.policy.current;
    const sample: RunningSample = { policy, thresholds: policy.thresholds, passed: [] };
    const header = (): AnswerHeader => ({
      id,
      name: incoming.name,
      policy,
      bundle: this.parts.bundle.digest,
      trueLabelIndex: incoming.trueLabelIndex,
      latencyMs: this.parts.clock.now() - arrivedAt,
    });
    let giveUp: (error: OfframpError) => void = () => undefined;
    const givenUp = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    this.underWay.add(giveUp);
    try {
      return await Promise.race([this.answer(incoming, sample, header), givenUp]);
    } catch (error) {
      const hasAnswer = sample.passed.some(({ confidence }) => !Number.isNaN(confidence));
      if (this.hurrying && hasAnswer) return this.fallBack(header(), sample, null);
      return this.failed(header(), error);
    } finally {
      this.underWay.delete(giveUp);
    }
  }

  /** From now on, samples that have passed an exit are answered by it at once. */
  hurry(): void {
    this.hurrying = true;
    this.parts.cascade.hurry();
    this.parts.link?.close();
  }

  /** Ends every sample in progress: with the answer of an exit that it has passed, else as failed. */
  giveUp(): void {
    const error = new OfframpError('STOPPING', 'the agent stopped before there was an answer');
    for (const giveUp of this.underWay) giveUp(error);
  }

  private async answer(
    incoming: IncomingSample,
    sample: RunningSample,
    header: () => AnswerHeader,
  ): Promise<AnsweredResult> {
    const loaded = await incoming.load();
    const { input } = loaded;
    const end = await this.parts.cascade.run(sample, input);
    if ('left' in end) {
      const result = this.answered(header(), sample, end.left, {});
      this.consider(sample, [...sample.passed, end.left], input, null);
      return result;
    }
    const result = await this.offload(header, sample, end, loaded);
    const { answer, passed } = result;
    if (!answer.degraded) {
      const { exit, labelIndex: label, confidence } = answer;
      this.consider(sample, [...passed, { exit, label, confidence }], input, end);
    }
    return result;
  }

  private consider(
    { policy }: RunningSample,
    outcomes: readonly ExitOutcome[],
    input: Float32Array,
    end: PassedSample | null,
  ): void {
    this.parts.auditor.consider({ policy, outcomes, input, end });
  }

  private async offload(
    header: () => AnswerHeader,
    sample: RunningSample,
    end: PassedSample,
    loaded: LoadedSample,
  ): Promise<AnsweredResult> {
    const { link, bundle, writer } = this.parts;
    if (!link || this.hurrying) return this.fallBack(header(), sample, null);
    const input = await writer.prepareInput(loaded, link.accepted);
    const tensors = { ...end, input };
    const outcome = await link.offload({
      bundleDigest: bundle.digestBytes,
      policyVersion: sample.policy.version,
      write: (encodings) => writer.write(tensors, sample.thresholds, encodings),
    });
    if ('fallback' in outcome) return this.fallBack(header(), sample, outcome.sent);
    const { answer, sent } = outcome;
    return this.answered(header(), sample, answer.outcome, { sent, passedOnWorker: answer.passed });
  }

  /**
   * Answers by the most confident exit that the sample passed; of equally confident ones, by the deepest.
   * @throws OfframpError `INFERENCE_FAILED` if none of them yielded numbers
   */
  private fallBack(header: AnswerHeader, sample: RunningSample, sent: SentTensor | null): AnsweredResult {
    const usable = sample.passed.filter(({ confidence }) => !Number.isNaN(confidence));
    if (usable.length === 0) throw brokenExitError(sample.passed.length - 1);
    const best = usable.reduce((a, b) => (a.confidence > b.confidence ? a : b));
    return this.answered(header, sample, best, { sent, degraded: true });
  }

  private failed(header: AnswerHeader, error: unknown): FailedResult {
    const { code, message } = toOfframpError(error);
    const { labels } = this.parts.bundle.manifest;
    return { kind: 'failed', answer: { ...answerBase(header, labels), error: { code, message } } };
  }

  private answered(
    header: AnswerHeader,
    sample: RunningSample,
    outcome: ExitOutcome,
    how: { sent?: SentTensor | null; degraded?: boolean; passedOnWorker?: ExitOutcome[] },
  ): AnsweredResult {
    const { labels } = this.parts.bundle.manifest;
    const { trueLabelIndex } = header;
    const byWorker = how.passedOnWorker !== undefined;
    const degraded = how.degraded ?? false;
    const sent = how.sent ?? null;
    const { latencyTargetMs } = sample.policy;
    return {
      kind: 'answered',
      answer: {
        ...answerBase(header, labels),
        label: labels[outcome.label] ?? String(outcome.label),
        labelIndex: outcome.label,
        confidence: outcome.confidence,
        exit: outcome.exit,
        offloaded: sent !== null,
        degraded,
        ...(trueLabelIndex === null ? {} : { correct: outcome.label === trueLabelIndex }),
      },
      trueLabelIndex,
      stagesRun: byWorker || degraded ? sample.passed.length : sample.passed.length + 1,
      byWorker,
      sent,
      late: latencyTargetMs === null ? null : header.latencyMs > latencyTargetMs,
      passed: [...sample.passed, ...(how.passedOnWorker ?? [])],
    };
  }
}
