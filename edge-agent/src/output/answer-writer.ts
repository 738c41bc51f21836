import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { messageOf, OfframpError, systemCodeOf } from '@offramp/shared';
import type { Answer, FailedAnswer } from '../answer.js';

export interface AnswerWriterOptions {
  /** `-` for `output`, `none` for nowhere, else a file, which is replaced. */
  where: string;
  /** Standard output; stays open. */
  output: Writable;
  /** Called once if answers have nowhere to go any more. */
  onBroken: (error: OfframpError) => void;
  /** Called once if the reader went away, as `head` does when it has read enough. */
  onReaderGone: () => void;
}

/** Where answers go, a JSON line each. */
export class AnswerWriter {
  private broken = false;
  private full = false;
  private gathering = false;
  private unwritten = 0;
  private readonly drainWaiters: (() => void)[] = [];
  private readonly flushWaiters: (() => void)[] = [];

  private constructor(
    private readonly target: Writable | null,
    private readonly options: AnswerWriterOptions,
  ) {
    target?.on('error', (error) => this.fail(error));
    target?.on('drain', () => {
      this.full = false;
      wake(this.drainWaiters);
    });
  }

  /** @throws OfframpError `OUTPUT_FAILED` */
  static async open(options: AnswerWriterOptions): Promise<AnswerWriter> {
    if (options.where === 'none') return new AnswerWriter(null, options);
    if (options.where === '-') return new AnswerWriter(options.output, options);
    const file = createWriteStream(options.where);
    try {
      await once(file, 'open');
    } catch (cause) {
      throw outputFailed(options.where, cause);
    }
    return new AnswerWriter(file, options);
  }

  /** Answers that were handed over and are not written yet. */
  get pending(): number {
    return this.unwritten;
  }

  /** Settles when the next answer may come: at once, or when a slow reader has caught up. */
  write(answer: Answer | FailedAnswer): Promise<void> {
    if (this.broken || !this.target) return Promise.resolve();
    this.unwritten++;
    this.gather(this.target);
    const more = this.target.write(`${JSON.stringify(answer)}\n`, () => {
      this.unwritten--;
      if (this.unwritten === 0) wake(this.flushWaiters);
    });
    if (!more) this.full = true;
    return this.full ? new Promise((resolve) => this.drainWaiters.push(resolve)) : Promise.resolve();
  }

  /** Settles when everything is written, or nobody reads any more. */
  flushed(): Promise<void> {
    if (this.unwritten === 0 || this.broken) return Promise.resolve();
    return new Promise((resolve) => this.flushWaiters.push(resolve));
  }

  /** Lets go of a reader that does not read: what is not written by now never will be. */
  abandon(): void {
    this.broken = true;
    wake(this.drainWaiters);
    wake(this.flushWaiters);
  }

  /** Closes a file; standard output stays open. */
  async close(): Promise<void> {
    if (!this.target || this.target === this.options.output || this.target.destroyed) return;
    const closed = once(this.target, 'close');
    this.target.end();
    await closed;
  }

  /** Answers that come in one turn of the event loop are written together. */
  private gather(target: Writable): void {
    if (this.gathering) return;
    this.gathering = true;
    target.cork();
    setImmediate(() => {
      this.gathering = false;
      target.uncork();
    });
  }

  private fail(error: Error): void {
    if (this.broken) return;
    this.abandon();
    if (['EPIPE', 'ECONNRESET'].includes(systemCodeOf(error) ?? '')) this.options.onReaderGone();
    else this.options.onBroken(outputFailed(this.options.where, error));
  }
}

function outputFailed(where: string, cause: unknown): OfframpError {
  const target = where === '-' ? 'standard output' : where;
  return new OfframpError('OUTPUT_FAILED', `cannot write answers to ${target}: ${messageOf(cause)}`, {
    cause,
  });
}

function wake(waiters: (() => void)[]): void {
  for (const resolve of waiters.splice(0)) resolve();
}
