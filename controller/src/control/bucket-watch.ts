import { type Clock, type Logger, messageOf } from '@offramp/shared';
import type { KV, KvEntry, QueuedIterator } from 'nats';

export interface BucketWatchOptions {
  /** For the log. */
  name: string;
  open(): Promise<KV>;
  clock: Clock;
  logger: Logger;
  /** Gets the newest entry of every key at first and after every break, then each new one. */
  take(entry: KvEntry): void;
}

const retryDelayMs = 500;
/**
 * How long one watch is trusted. NATS resumes a watch at a sequence number, which a bucket that was made again in the
 * meantime may not reach for long; a new watch reads everything anew.
 */
const refreshMs = 300_000;

/** Follows all keys of a bucket, through lost connections and a bucket that was deleted. */
export class BucketWatch {
  private stopped = false;
  private generation = 0;
  private watch: QueuedIterator<KvEntry> | null = null;
  private cancelTimer: () => void = () => undefined;

  constructor(private readonly options: BucketWatchOptions) {}

  /** Resolves when what the bucket holds has been taken, or could not be. */
  start(): Promise<void> {
    return new Promise((read) => this.restart(read));
  }

  /** Begins anew: after a reconnect, the server may not know the watch any more. */
  restart(read: () => void = () => undefined): void {
    this.close();
    if (this.stopped) read();
    else void this.run(this.generation, read);
  }

  stop(): void {
    this.stopped = true;
    this.close();
  }

  private close(): void {
    this.generation++;
    this.cancelTimer();
    this.watch?.stop();
    this.watch = null;
  }

  private async run(generation: number, read: () => void): Promise<void> {
    const { open, take, clock, logger, name } = this.options;
    const isMine = () => generation === this.generation;
    try {
      const bucket = await open();
      const watch = await bucket.watch({ initializedFn: read });
      if (!isMine()) return watch.stop();
      this.watch = watch;
      this.cancelTimer = clock.after(refreshMs, () => this.restart());
      for await (const entry of watch) {
        if (!isMine()) return;
        take(entry);
      }
      if (isMine()) throw new Error('the watch has ended');
    } catch (error) {
      if (!isMine()) return;
      logger.warn({ error: messageOf(error) }, `cannot follow ${name}; trying again`);
      this.cancelTimer();
      this.cancelTimer = clock.after(retryDelayMs, () => this.restart());
    } finally {
      read();
    }
  }
}
