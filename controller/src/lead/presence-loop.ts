import { randomUUID } from 'node:crypto';
import { type Clock, type Logger, messageOf } from '@offramp/runtime';
import { type Heard, newPresence, nextPresence, type Presence } from '../decide/presence.js';
import type { FleetRegister } from '../ingest/register/fleet-register.js';
import type { WorkerRegister } from '../ingest/register/worker-register.js';
import type { ControlStore } from '../store/control-store.js';
import type { EventLog } from '../store/event-log.js';

export interface PresenceLoopOptions {
  store: Pick<ControlStore, 'presence' | 'putPresence'>;
  events: Pick<EventLog, 'publishPresence'>;
  register: Pick<FleetRegister, 'silence' | 'isOnline'>;
  workers: Pick<WorkerRegister, 'workers'>;
  clock: Clock;
  logger: Logger;
  /** The deciding controller, for the history. */
  instance: string;
  /** Interval of checks. */
  everyMs: number;
  leading(): boolean;
}

/** Minimum time of listening to workers before one counts as silent. */
const workerPatienceMs = 15_000;
/** Minimum time between events of a group. Changes in between are not reported. */
const leastGapMs = 60_000;
/** A check that is late by this factor means that the process was paused. */
const lateFactor = 3;

interface Kept {
  presence: Presence;
  revision: number;
  /** Whether its events are known to have been published. */
  done: boolean;
}

/**
 * While this controller leads, publishes events when workers and devices stop reporting, and when they are back. After a
 * start, an outage of NATS, or a pause of this process, only later silence counts.
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
    this.reset();
    this.schedule();
  }

  /** Called after an outage of NATS or a change of leader: the stored state may have changed, and reports may be delayed. */
  reset(): void {
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
        'cannot update presence; retrying',
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
    // Another controller was first, and has published.
    if (revision === null) return;
    this.kept = { presence: after, revision, done: after.events.length === 0 };
    const silentBefore: Presence['silent'] = before?.silent ?? new Map();
    const concerned = [...new Set([...silentBefore.keys(), ...after.silent.keys()])].filter(
      (group) => silentBefore.get(group) !== after.silent.get(group),
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

  /** @param sinceMs earlier silence does not count */
  private heard(nowMs: number, sinceMs: number): Heard {
    const { register, workers, instance } = this.options;
    return {
      workers: [...new Set(workers.workers(nowMs).map(({ worker }) => worker))],
      groups: register.silence(nowMs, sinceMs),
      isOnline: (group, device) => register.isOnline(group, device, nowMs),
      author: instance,
      mayPublish: (group) => nowMs - (this.toldAtMs.get(group) ?? Number.NEGATIVE_INFINITY) >= leastGapMs,
    };
  }
}
