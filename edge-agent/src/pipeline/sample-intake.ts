import { isDoubling, type Logger, OfframpError } from '@offramp/runtime';
import type { AnsweredResult, SampleResult } from '../answer.js';
import type { AnswerWriter } from '../output/answer-writer.js';
import type { Slot, Slots } from '../slots.js';
import type { IncomingSample, Pipeline } from './pipeline.js';

/** Counts samples: totals, telemetry, metrics. */
export interface SampleCounter {
  countResult(result: SampleResult): void;
  countRefused?(): void;
}

export interface SampleIntakeParts {
  slots: Slots;
  pipeline: Pipeline;
  writer: AnswerWriter;
  logger: Logger;
}

/** Time after which a refused client may try again. */
const retryAfterMs = { full: 1_000, stopping: 5_000 };

/** Admits samples, and processes each until its answer is written. */
export class SampleIntake {
  private open = false;
  /** Number of answered samples that passed an exit which yielded NaN. */
  private broken = 0;

  /** @param counters called for every result and refusal; more may be added later */
  constructor(
    private readonly parts: SampleIntakeParts,
    readonly counters: SampleCounter[],
  ) {}

  start(): void {
    this.open = true;
  }

  /** Admits no more samples. */
  stop(): void {
    this.open = false;
    this.parts.slots.close();
  }

  /** @throws OfframpError `OVERLOADED`, `STOPPING`, with `retryAfterMs`, where {@link takeSlot} would throw now */
  checkRoom(): void {
    if (!this.open || !this.parts.slots.hasRoom('request')) throw this.refusal();
  }

  /** @throws OfframpError `OVERLOADED`, `STOPPING`, with `retryAfterMs` */
  takeSlot(): Slot {
    const slot = this.open ? this.parts.slots.tryTake() : null;
    if (!slot) throw this.refusal();
    return slot;
  }

  /** Answers a sample. Settles when its answer is written and its place is free. Never rejects. */
  async answer(sample: IncomingSample, slot: Slot): Promise<SampleResult> {
    const { pipeline, writer, logger } = this.parts;
    const result = await pipeline.run(sample);
    if (result.kind === 'failed') {
      const { sample: name, error } = result.answer;
      logger.warn({ sample: name, ...error }, 'a sample could not be answered');
    } else this.noteBroken(result);
    for (const counter of this.counters) counter.countResult(result);
    await writer.write(result.answer);
    slot.release();
    return result;
  }

  private refusal(): OfframpError {
    if (!this.open) {
      return new OfframpError('STOPPING', 'the agent takes no samples: it is starting or stopping', {
        retryAfterMs: retryAfterMs.stopping,
      });
    }
    for (const counter of this.counters) counter.countRefused?.();
    const message = `expected a free place for a sample, found ${this.parts.slots.describe()}`;
    return new OfframpError('OVERLOADED', message, { retryAfterMs: retryAfterMs.full });
  }

  private noteBroken({ answer, passed }: AnsweredResult): void {
    const broken = passed.find(({ confidence }) => Number.isNaN(confidence));
    if (!broken || !isDoubling(++this.broken)) return;
    const { sample } = answer;
    this.parts.logger.warn(
      { sample, exit: broken.exit, samples: this.broken },
      'an exit yielded NaN and cannot answer; other exits do',
    );
  }
}
