import { randomUUID } from 'node:crypto';
import { type Clock, type Logger, messageOf } from '@offramp/shared';
import type { FleetRegister } from '../register/fleet-register.js';
import type { WorkerRegister } from '../register/worker-register.js';
import type { ControlStore } from './control-store.js';
import type { EventLog } from './event-log.js';
import { type Heard, newPresence, nextPresence, type Presence } from './presence.js';

export interface PresenceLoopOptions {
  store: Pick<ControlStore, 'presence' | 'putPresence'>;
  events: Pick<EventLog, 'publishPresence'>;
  register: Pick<FleetRegister, 'silence' | 'isOnline'>;
  workers: Pick<WorkerRegister, 'workers'>;
  clock: Clock;
  logger: Logger;
  /** Who says so, for the history. */
  instance: string;
  /** How often it is looked who is silent. */
  everyMs: number;
  leading(): boolean;
}

/** For so long workers must have been listened to before one is missed. */
const workerPatienceMs = 15_000;
/** Nothing is told of a group more often. What comes and goes in between is not told. */
const leastGapMs = 60_000;
/** A look so much later than it should be says that nobody has been listened to in the meantime. */
const lateFactor = 3;

interface Kept {
  presence: Presence;
  revision: number;
  /** Whether all that it tells is known to have been told. */
  done: boolean;
}

/**
 * While this controller leads: tells when workers and devices fall silent, and when they are back. After a start, a cut of
 * NATS, or a pause of this process, silence counts from then on only: it was not they who were away.
 */
export class PresenceLoop {
  private stopped = false;
  private cancelTimer: () => void = () => undefined;
  private round: Promise<void> = Promise.resolve();
  private kept: Kept | null = null;
  private listeningSinceMs: number;
  private lookedAtMs: number | null = null;
  private readonly toldAtMs = new Map<string, number>();
  private problem = '';

  constructor(private readonly options: PresenceLoopOptions) {
    this.listeningSinceMs = options.clock.now();
  }

  start(): void {
    this.startAnew();
    this.schedule();
  }

  /** NATS was away, or another controller has led: what is kept may have changed, and reports may be yet to come. */
  startAnew(): void {
    this.kept = null;
    this.listeningSinceMs = this.options.clock.now();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer();
    await this.round;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.cancelTimer = this.options.clock.after(this.options.everyMs, () => {
      this.round = this.look().finally(() => this.schedule());
    });
  }

  private async look(): Promise<void> {
    const { clock, everyMs, leading, logger } = this.options;
    const nowMs = clock.now();
    if (this.lookedAtMs !== null && nowMs - this.lookedAtMs > lateFactor * everyMs) {
      this.listeningSinceMs = nowMs;
    }
    this.lookedAtMs = nowMs;
    if (!leading() || nowMs - this.listeningSinceMs < workerPatienceMs) return;
    try {
      await this.advance(nowMs);
      this.problem = '';
    } catch (error) {
      const problem = messageOf(error);
      logger[problem === this.problem ? 'debug' : 'warn'](
        { error: problem },
        'cannot say who is silent; trying again',
      );
      this.problem = problem;
      this.kept = null;
    }
  }

  private async advance(nowMs: number): Promise<void> {
    const { store } = this.options;
    const stored = this.kept ?? (await this.read());
    await this.tell(stored);
    const before = stored.presence;
    const after = before
      ? nextPresence(before, this.heard(nowMs, this.listeningSinceMs))
      : newPresence(randomUUID(), this.heard(nowMs, Number.NEGATIVE_INFINITY));
    if (after === before) return;
    this.kept = null;
    const revision = await store.putPresence(after, stored.revision);
    // Another controller was there first, and has told.
    if (revision === null) return;
    this.kept = { presence: after, revision, done: after.events.length === 0 };
    const concerned = Object.keys({ ...before?.silent, ...after.silent }).filter(
      (group) => before?.silent[group] !== after.silent[group],
    );
    for (const group of [...concerned, ...after.events.map((event) => event.group)]) {
      this.toldAtMs.set(group, nowMs);
    }
    await this.tell(this.kept);
  }

  private async read(): Promise<Kept | { presence: null; revision: number; done: true }> {
    const { presence, revision } = await this.options.store.presence();
    if (!presence) return { presence, revision, done: true };
    this.kept = { presence, revision, done: presence.events.length === 0 };
    return this.kept;
  }

  private async tell(kept: { presence: Presence | null; done: boolean }): Promise<void> {
    if (kept.done || !kept.presence) return;
    const { epoch, number, events } = kept.presence;
    await this.options.events.publishPresence(`presence/${epoch}/${number}`, events);
    kept.done = true;
  }

  /** @param sinceMs silence of before does not count */
  private heard(nowMs: number, sinceMs: number): Heard {
    const { register, workers, instance } = this.options;
    return {
      workers: [...new Set(workers.workers(nowMs).map(({ worker }) => worker))],
      groups: register.silence(nowMs, sinceMs),
      isOnline: (group, device) => register.isOnline(group, device, nowMs),
      author: instance,
      mayTell: (group) => nowMs - (this.toldAtMs.get(group) ?? Number.NEGATIVE_INFINITY) >= leastGapMs,
    };
  }
}
