import { type Clock, type Logger, LogOnce, messageOf } from '@offramp/runtime';
import type { KV, KvEntry, QueuedIterator } from 'nats';

export interface BucketWatchOptions {
  /** For the log. */
  name: string;
  open(): Promise<KV>;
  clock: Clock;
  logger: Logger;
  /** Called with the newest entry of every key at first and after every interruption, then with each new one. */
  take(entry: KvEntry): void;
}

const retryDelayMs = 500;
/**
 * Lifetime of one watch. NATS resumes a watch at a sequence number, which a recreated bucket may not reach for a long
 * time; a new watch reads everything again.
 */
const refreshMs = 300_000;

/** Follows all keys of a bucket, through lost connections and a deleted bucket. */
export class BucketWatch {
  private stopped = false;
  private generation = 0;
  private watch: QueuedIterator<KvEntry> | null = null;
  private cancelTimer: () => void = () => undefined;
  private readonly problems: LogOnce;

  constructor(private readonly options: BucketWatchOptions) {
    this.problems = new LogOnce(options.logger);
  }

  /** Resolves when the bucket's content has been read, or could not be read. */
  start(): Promise<void> {
    return new Promise((read) => this.restart(read));
  }

  /** Restarts the watch: after a reconnect, the server may not know it any more. */
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
    const { open, take, clock, name } = this.options;
    const isCurrent = () => generation === this.generation;
    try {
      const bucket = await open();
      const watch = await bucket.watch({ initializedFn: read });
      if (!isCurrent()) return watch.stop();
      this.watch = watch;
      this.problems.clear();
      this.cancelTimer = clock.after(refreshMs, () => this.restart());
      for await (const entry of watch) {
        if (!isCurrent()) return;
        take(entry);
      }
      if (isCurrent()) throw new Error('the watch has ended');
    } catch (error) {
      if (!isCurrent()) return;
      this.problems.log('warn', 'failed', { error: messageOf(error) }, `cannot follow ${name}; retrying`);
      this.cancelTimer();
      this.cancelTimer = clock.after(retryDelayMs, () => this.restart());
    } finally {
      read();
    }
  }
}
