import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { messageOf, OfframpError, systemCodeOf, Waiters } from '@offramp/runtime';
import type { Answer, FailedAnswer } from '../answer.js';
import { AnswersFile, type AnswersFileOptions } from './answers-file.js';
import { isFifo, openFifo } from './open-fifo.js';

export interface AnswerWriterOptions extends Omit<AnswersFileOptions, 'path'> {
  /** `-`: `output`; `none`: discard; else a file, which is appended to. */
  where: string;
  /** Standard output; stays open. */
  output: Writable;
  /** Called once if answers can no longer be written. */
  onBroken: (error: OfframpError) => void;
  /** Called once if the reader has closed its end, as `head` does. */
  onReaderGone: () => void;
}

/** Writes answers as JSON lines. */
export class AnswerWriter {
  private broken = false;
  private gathering = false;
  /** Callbacks of callers that wait until their answer is written. */
  private readonly unwritten = new Set<() => void>();
  private readonly flushWaiters = new Waiters();

  private constructor(
    private readonly target: Writable | null,
    private readonly options: AnswerWriterOptions,
  ) {
    target?.on('error', (error) => this.fail(error));
  }

  /** @throws OfframpError `OUTPUT_FAILED` */
  static async open(options: AnswerWriterOptions): Promise<AnswerWriter> {
    if (options.where === 'none') return new AnswerWriter(null, options);
    if (options.where === '-') return new AnswerWriter(options.output, options);
    const path = options.where;
    try {
      const target = (await isFifo(path))
        ? await openFifo(path)
        : await AnswersFile.open({ ...options, path });
      return new AnswerWriter(target, options);
    } catch (cause) {
      throw outputFailed(options.where, cause);
    }
  }

  /** Answers passed to {@link write} that are not written yet. */
  get pending(): number {
    return this.unwritten.size;
  }

  /** Settles when the answer is written, or can no longer be. A slow reader delays it. */
  write(answer: Answer | FailedAnswer): Promise<void> {
    const { target } = this;
    if (this.broken || !target) return Promise.resolve();
    this.gather(target);
    return new Promise((resolve) => {
      this.unwritten.add(resolve);
      target.write(`${JSON.stringify(answer)}\n`, () => {
        this.unwritten.delete(resolve);
        resolve();
        if (this.pending === 0) this.flushWaiters.wake();
      });
    });
  }

  /** Settles when everything is written, or the reader is gone. */
  flushed(): Promise<void> {
    if (this.pending === 0 || this.broken) return Promise.resolve();
    return this.flushWaiters.wait();
  }

  /** Stops waiting for the reader. Answers that are not written yet are lost. */
  abandon(): void {
    this.broken = true;
    for (const tell of this.unwritten) tell();
    this.flushWaiters.wake();
  }

  /** Closes a file or FIFO, at once if it was abandoned; standard output stays open. */
  async close(): Promise<void> {
    if (!this.target || this.target === this.options.output || this.target.destroyed) return;
    const closed = once(this.target, 'close');
    if (this.broken) this.target.destroy();
    else this.target.end();
    await closed;
  }

  /** Answers of one turn of the event loop are written together. */
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
