import { availableParallelism } from 'node:os';
import type { PictureFile, PictureInput } from '@offramp/bundle';
import { normalise, PictureDecoder } from '@offramp/data';
import { type Clock, OfframpError, toOfframpError } from '@offramp/runtime';
import type { Sender } from '../batching/fair-clock.js';
import type { PendingSample } from '../batching/pending-sample.js';

/** Time to decode one picture. A picture that a device sends takes milliseconds. */
const maxDecodeMs = 2_000;
/** Memory of one process. */
const maxDecodeBytes = 256 * 2 ** 20;
/** Limit of processes that decode pictures. */
const maxDecoders = 8;

/** An admitted sample that came as a picture file. */
export interface PictureJob {
  sample: PendingSample;
  file: PictureFile;
  /** How the model's input is made of the picture. */
  input: PictureInput;
  /** Names the picture in errors. */
  name: string;
  /** Called when the sample has its input. */
  onDecoded(): void;
}

/**
 * Decodes samples that came as picture files, in processes of its own, in fair turns among senders: one whose pictures
 * take long delays its own. A picture that cannot be decoded is refused for itself alone.
 */
export class PictureQueue {
  private readonly decoder: PictureDecoder;
  private readonly processes: number;
  /** Senders in the order of their turns, each with its pictures in order of arrival. */
  private readonly waiting = new Map<Sender, Map<PendingSample, PictureJob>>();
  private running = 0;

  constructor(
    private readonly clock: Clock,
    processes = Math.max(1, Math.min(maxDecoders, availableParallelism() - 1)),
  ) {
    this.processes = processes;
    this.decoder = new PictureDecoder({ processes, maxMs: maxDecodeMs, maxBytes: maxDecodeBytes, clock });
  }

  /** Pictures that wait. */
  get size(): number {
    return [...this.waiting.values()].reduce((sum, { size }) => sum + size, 0);
  }

  add(job: PictureJob): void {
    const { sample } = job;
    const jobs = this.waiting.get(sample.sender) ?? new Map();
    this.waiting.set(sample.sender, jobs.set(sample, job));
    this.pump();
  }

  /** Must be called for every sample that is settled, so that none waits that nobody awaits. */
  settled(sample: PendingSample): void {
    const jobs = this.waiting.get(sample.sender);
    if (jobs?.delete(sample) && jobs.size === 0) this.waiting.delete(sample.sender);
  }

  /** Kills the processes. Samples whose pictures are not decoded are refused. */
  close(): void {
    this.decoder.close();
  }

  private pump(): void {
    while (this.running < this.processes) {
      const job = this.next();
      if (!job) return;
      this.running++;
      void this.decode(job).finally(() => {
        this.running--;
        this.pump();
      });
    }
  }

  /** The next picture in turn that is still of use. */
  private next(): PictureJob | null {
    for (const [sender, jobs] of this.waiting) {
      for (const [sample, job] of jobs) {
        jobs.delete(sample);
        this.waiting.delete(sender);
        if (jobs.size > 0) this.waiting.set(sender, jobs);
        if (this.clock.now() < sample.deadlineMs) return job;
        const error = new OfframpError(
          'DEADLINE_EXCEEDED',
          'the deadline passed before its picture was decoded',
        );
        sample.settle({ kind: 'refused', error });
        break;
      }
    }
    return null;
  }

  /** Never rejects. */
  private async decode({ sample, file, input, name, onDecoded }: PictureJob): Promise<void> {
    try {
      const { pixels } = await this.decoder.unpack(file, input, name);
      if (sample.settled) return;
      sample.input = { isCode: false, decodeInto: (place) => place.set(normalise(pixels, input)) };
      onDecoded();
    } catch (error) {
      sample.settle({ kind: 'refused', error: toOfframpError(error) });
    }
  }
}
