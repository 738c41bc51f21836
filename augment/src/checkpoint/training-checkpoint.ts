import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Clock, isOfframpError, OfframpError } from '@offramp/shared';
import {
  type CheckpointContents,
  differingFacts,
  readCheckpointFile,
  type TrainingFacts,
  writeCheckpointFile,
} from './checkpoint-file.js';

export interface CheckpointOptions {
  /** How often to write one; 0: only where the training is stopped. */
  everyMinutes: number;
  /** Whether to go on from the one that is there. */
  resume: boolean;
}

/** Where the checkpoint of a bundle's training lies. */
export function checkpointPathOf(out: string): string {
  return `${resolve(out)}.checkpoint`;
}

/** @throws OfframpError `CONFIG_INVALID` for a checkpoint of a training that depended on something else */
export function refuseOther(path: string, before: TrainingFacts, now: TrainingFacts): void {
  const differing = differingFacts(before, now);
  if (differing.length === 0) return;
  throw new OfframpError(
    'CONFIG_INVALID',
    `--resume: ${path} is of another training: ${differing.join('; ')}`,
    { hint: 'Go on with what that training was begun with, or start anew without --resume.' },
  );
}

/** The checkpoint of one run: what it started from, and what it leaves for another one to start from. */
export class TrainingCheckpoint {
  private facts: TrainingFacts;
  private kept: Uint8Array | null = null;
  private lastMs: number;
  private isOurs = false;

  /** @param facts what the training depends on, as far as the trainer does not know better */
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
   * @param facts what it depends on besides
   * @returns the state to go on from; `null`: start anew
   * @throws OfframpError `FILE_NOT_FOUND`, `CHECKPOINT_INVALID`; `CONFIG_INVALID` for a checkpoint of a training that
   *   depended on something else
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

  /** Between two steps: writes a checkpoint when it is time to. @throws OfframpError `OUTPUT_FAILED` */
  async offer(save: () => Uint8Array): Promise<void> {
    const { everyMinutes } = this.options;
    if (everyMinutes === 0 || this.clock.now() - this.lastMs < everyMinutes * 60_000) return;
    this.kept = save();
    await this.write();
    this.lastMs = this.clock.now();
  }

  /** Keeps a state to be written, should the run end here. */
  keep(state: Uint8Array): void {
    this.kept = state;
  }

  /**
   * Does a job that a training is a part of. Where it ends early, what was kept last is written, and the error
   * says so; where it is done, this run's checkpoint is removed. One that another run left stays.
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
        // Somebody who stops a training counts on the checkpoint; otherwise what came first is the news.
        throw isInterruption ? problem : error;
      }
      throw isKept || (isInterruption && this.isOurs) ? this.withWayOn(error) : error;
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

  private withWayOn({ code, message, hint, cause }: OfframpError): OfframpError {
    const wayOn = 'The same command with --resume goes on from there.';
    return new OfframpError(code, `${message}; the training so far is in ${this.path}`, {
      hint: hint === undefined ? wayOn : `${hint} ${wayOn}`,
      cause,
    });
  }
}
