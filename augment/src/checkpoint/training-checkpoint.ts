import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Clock, isOfframpError, OfframpError } from '@offramp/runtime';
import {
  type CheckpointContents,
  differingFacts,
  readCheckpointFile,
  type TrainingFacts,
  writeCheckpointFile,
} from './checkpoint-file.js';

export interface CheckpointOptions {
  /** Interval of writing; 0: only when the training is stopped. */
  everyMinutes: number;
  /** Whether to resume from an existing checkpoint. */
  resume: boolean;
}

/** The checkpoint's path for a bundle. */
export function checkpointPathOf(out: string): string {
  return `${resolve(out)}.checkpoint`;
}

/** Of a codec's training. */
export function codecCheckpointPathOf(out: string): string {
  return `${resolve(out)}.codec-checkpoint`;
}

/** @throws OfframpError `CONFIG_INVALID` for a checkpoint of a training with other options or data */
export function refuseOther(path: string, before: TrainingFacts, now: TrainingFacts): void {
  const differing = differingFacts(before, now);
  if (differing.length === 0) return;
  throw new OfframpError(
    'CONFIG_INVALID',
    `--resume: ${path} is of another training: ${differing.join('; ')}`,
    {
      hint: 'Use the options and data that the training began with, or start from the beginning without --resume.',
    },
  );
}

/** The checkpoint of one run: the state that it resumed from, and the state that it saves. */
export class TrainingCheckpoint {
  private facts: TrainingFacts;
  private kept: Uint8Array | null = null;
  private lastMs: number;
  private isOurs = false;

  /** @param facts what the training depends on, besides the trainer's own facts */
  constructor(
    readonly path: string,
    facts: TrainingFacts,
    private readonly options: CheckpointOptions,
    private readonly clock: Clock,
  ) {
    this.facts = facts;
    this.lastMs = clock.now();
  }

  /**
   * Begins a training.
   * @param facts what it depends on in addition
   * @returns the state to resume from; `null`: start from the beginning
   * @throws OfframpError `FILE_NOT_FOUND`, `CHECKPOINT_INVALID`; `CONFIG_INVALID` for a checkpoint of a training with
   *   other options or data
   */
  async begin(facts: TrainingFacts): Promise<Uint8Array | null> {
    this.facts = { ...this.facts, ...facts };
    this.lastMs = this.clock.now();
    if (!this.options.resume) return null;
    const found: CheckpointContents = await readCheckpointFile(this.path);
    refuseOther(this.path, found.facts, this.facts);
    this.isOurs = true;
    return found.state;
  }

  /** Called between two steps; writes a checkpoint when the interval has passed. @throws OfframpError `OUTPUT_FAILED` */
  async offer(save: () => Uint8Array): Promise<void> {
    const { everyMinutes } = this.options;
    if (everyMinutes === 0 || this.clock.now() - this.lastMs < everyMinutes * 60_000) return;
    this.kept = save();
    await this.write();
    this.lastMs = this.clock.now();
  }

  /** Keeps a state that is written if the run ends early. */
  keep(state: Uint8Array): void {
    this.kept = state;
  }

  /**
   * Runs a job that includes the training. If it ends early, the last kept state is written, and the error says so. After
   * success, this run's checkpoint is removed. Another run's checkpoint stays.
   */
  async protect<T>(job: () => Promise<T>): Promise<T> {
    let result: T;
    try {
      result = await job();
    } catch (error) {
      if (!isOfframpError(error)) throw error;
      const isInterruption = error.code === 'INTERRUPTED';
      const isKept = this.kept !== null;
      try {
        await this.write();
      } catch (problem) {
        // After an interruption, a failed write is reported, because the user expects the checkpoint; otherwise the first error is.
        throw isInterruption ? problem : error;
      }
      throw isKept || (isInterruption && this.isOurs) ? this.withResumeHint(error) : error;
    }
    if (this.isOurs) await rm(this.path, { force: true });
    return result;
  }

  private async write(): Promise<void> {
    if (!this.kept) return;
    await writeCheckpointFile(this.path, { facts: this.facts, state: this.kept });
    this.kept = null;
    this.isOurs = true;
  }

  private withResumeHint({ code, message, hint, cause }: OfframpError): OfframpError {
    const resumeHint = 'The same command with --resume continues from there.';
    return new OfframpError(code, `${message}; the training so far is in ${this.path}`, {
      hint: hint?.endsWith(resumeHint) ? hint : [hint, resumeHint].filter(Boolean).join(' '),
      cause,
    });
  }
}
