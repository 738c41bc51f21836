import { type Clock, type Logger, messageOf, OfframpError, offrampVersion } from '@offramp/runtime';
import type { FleetEvent } from '../decide/model/fleet-event.js';
import { standingLetters, standingOf } from './device-standing.js';
import type { FleetReader } from './fleet-reader.js';
import { type GroupControl, viewEvent, viewGroup } from './fleet-view.js';
import type { StreamMessages } from './schemas/index.js';
import { type Section, StreamClient, type StreamSink } from './stream-client.js';

export interface LiveFeedOptions {
  fleet: FleetReader;
  clock: Clock;
  logger: Logger;
  /** Whether NATS is connected. */
  connected(): boolean;
  /** Why the controller cannot do its work; `null`: it can. */
  problem(): string | null;
}

const tickMs = 1_000;
const ticksPerBeat = 5;
const maxClients = 64;
const maxReplayedEvents = 1_000;
const eventsPerPage = 200;
/** Control states read in a tick. In larger fleets, groups without new events take turns. */
const maxControlReadsPerTick = 32;

/**
 * The content of the event stream, the same for all clients: the state of the fleet, computed once a second while there are
 * clients, and events as they occur.
 */
export class LiveFeed {
  private readonly clients = new Set<StreamClient>();
  private picture = new Map<string, Section>();
  /** Least recently read first. */
  private readonly controls = new Map<string, GroupControl>();
  private readonly withNews = new Set<string>();
  private readonly unsubscribe: () => void;
  private ticks = 0;
  private stopped = false;
  private looking: Promise<void> | null = null;
  private cancelTick: () => void = () => undefined;

  constructor(private readonly options: LiveFeedOptions) {
    this.unsubscribe = options.fleet.operations.events.onEvent((event) => this.takeEvent(event));
  }

  /**
   * Adds a client.
   * @param lastSequence of the last event that it has; `null`: it gets only new events
   * @throws OfframpError `OVERLOADED`
   */
  add(sink: StreamSink, lastSequence: number | null): { client: StreamClient; remove(): void } {
    if (this.clients.size >= maxClients) {
      throw new OfframpError('OVERLOADED', `${maxClients} clients already read the stream`, {
        retryAfterMs: 10_000,
      });
    }
    const client = new StreamClient(sink, lastSequence ?? 0);
    this.clients.add(client);
    const hello: StreamMessages['hello'] = { version: offrampVersion };
    client.say('hello', JSON.stringify(hello));
    if (lastSequence !== null) void this.replay(client, lastSequence);
    if (this.clients.size === 1) this.tick();
    else client.show(this.picture);
    return { client, remove: () => this.remove(client) };
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.unsubscribe();
    this.cancelTick();
    for (const client of this.clients) client.end();
    this.clients.clear();
    await this.looking;
  }

  private remove(client: StreamClient): void {
    this.clients.delete(client);
    client.end();
    if (this.clients.size > 0) return;
    this.cancelTick();
    this.controls.clear();
    this.picture = new Map();
  }

  private tick(): void {
    // The next tick is scheduled after this one has ended.
    this.looking ??= this.look().finally(() => {
      this.looking = null;
      if (!this.stopped && this.clients.size > 0)
        this.cancelTick = this.options.clock.after(tickMs, () => this.tick());
    });
  }

  private async look(): Promise<void> {
    const { fleet, logger } = this.options;
    const beat = this.ticks++ % ticksPerBeat === 0;
    try {
      const groups = fleet.operations.groups.names();
      await this.readControls(groups);
      this.picture = this.draw(groups);
    } catch (error) {
      logger.debug({ error: messageOf(error) }, 'cannot read the state of the fleet');
      this.picture = new Map([...this.picture, ...this.drawn('controller', 'controller', this.controller())]);
    }
    for (const client of this.clients) {
      client.show(this.picture);
      if (beat) client.beat();
    }
  }

  private draw(groups: readonly string[]): Map<string, Section> {
    const { register, activity, operations } = this.options.fleet;
    const sections: [string, Section][] = [
      ...this.drawn('controller', 'controller', this.controller()),
      ...this.drawn('workers', 'workers', { workers: operations.workers() }),
    ];
    for (const group of groups) {
      const known = this.controls.get(group) ?? { status: null, goals: null };
      const devices = [...register.presence(group, this.options.fleet.nowMs)];
      const letters = devices.map((device) => standingLetters[standingOf(device, known.status)]);
      sections.push(
        ...this.drawn(`group ${group}`, 'group', viewGroup(group, devices, activity, known)),
        ...this.drawn(`names ${group}`, 'names', { group, devices: devices.map(({ device }) => device) }),
        ...this.drawn(`standings ${group}`, 'standings', { group, standings: letters.join('') }),
      );
    }
    return new Map(sections);
  }

  private controller(): StreamMessages['controller'] {
    const leader = this.options.fleet.operations.leader();
    return {
      connected: this.options.connected(),
      problem: this.options.problem(),
      leader: leader && { instance: leader.instance, since: leader.since.toISOString() },
    };
  }

  /** The previous section object, if its content is unchanged. */
  private drawn<Name extends keyof StreamMessages>(
    key: string,
    event: Name,
    message: StreamMessages[Name],
  ): [[string, Section]] {
    const data = JSON.stringify(message);
    const before = this.picture.get(key);
    return [[key, before?.data === data ? before : { event, data }]];
  }

  private async readControls(groups: readonly string[]): Promise<void> {
    const present = new Set(groups);
    for (const group of this.controls.keys()) if (!present.has(group)) this.controls.delete(group);
    const unknown = groups.filter((group) => !this.controls.has(group));
    const inTurn = [...new Set([...this.withNews, ...unknown, ...this.controls.keys()])]
      .filter((group) => present.has(group))
      .slice(0, maxControlReadsPerTick);
    await Promise.all(
      inTurn.map(async (group) => {
        this.withNews.delete(group);
        const control = await this.options.fleet.controlOf(group).catch(() => this.controls.get(group));
        this.controls.delete(group);
        this.controls.set(group, control ?? { status: null, goals: null });
      }),
    );
    this.withNews.clear();
  }

  private takeEvent(event: FleetEvent): void {
    if (this.clients.size === 0) return;
    if (event.group !== '') this.withNews.add(event.group);
    const data = JSON.stringify(viewEvent(event));
    for (const client of this.clients) client.event(event.sequence, data);
  }

  private async replay(client: StreamClient, lastSequence: number): Promise<void> {
    client.hold();
    try {
      const { events } = this.options.fleet.operations;
      const missed: FleetEvent[] = [];
      for (let before = 0; ; ) {
        const page = await events.list('', eventsPerPage, before);
        const news = page.filter(({ sequence }) => sequence > lastSequence);
        missed.push(...news);
        if (news.length < eventsPerPage) break;
        if (missed.length >= maxReplayedEvents) {
          const reset: StreamMessages['reset'] = {
            reason: `more than ${maxReplayedEvents} events since ${lastSequence}`,
          };
          client.say('reset', JSON.stringify(reset));
          break;
        }
        before = (page.at(-1) as FleetEvent).sequence;
      }
      const replayed = missed.reverse();
      client.release(
        replayed.map((event) => ({ sequence: event.sequence, data: JSON.stringify(viewEvent(event)) })),
      );
    } catch (error) {
      this.options.logger.debug({ error: messageOf(error) }, 'cannot read the events that a client missed');
      client.end();
    }
  }
}
