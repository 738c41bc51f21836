import { EventEmitter } from 'node:events';
import {
  ensureEventStream,
  eventStream,
  eventSubject,
  jetStreamError,
  presenceEventSubject,
  v1,
} from '@offramp/contracts';
import type { Clock, Logger } from '@offramp/runtime';
import { ErrorCode, type NatsConnection, NatsError } from 'nats';
import { type FleetEvent, fleetLabel, type NewEvent } from '../decide/model/fleet-event.js';
import { StreamFeed, type StreamMessage } from '../streams/stream-feed.js';
import { isWriteConflict } from './compare-and-set.js';
import { encodeEvent, readEvent } from './event-messages.js';

export interface EventLogOptions {
  bus: NatsConnection;
  replicas: number;
  clock: Clock;
  logger: Logger;
}

/** The newest event of a subject. Sequence 0: there is none. */
interface NewestEvent {
  sequence: number;
  id: string;
}

/** Number of newest events in memory; NATS keeps more. */
const maxKept = 10_000;
const maxListeners = 10_000;
const maxAttempts = 8;
const idHeader = 'Nats-Msg-Id';

/**
 * The stream of events in NATS. Each event of a decision is in it once and in order, even if several
 * controllers publish it: an event is published only directly after its predecessor.
 */
export class EventLog {
  /** Oldest first. */
  private kept: FleetEvent[] = [];
  private caughtUp = false;
  private readonly emitter = new EventEmitter<{ event: [FleetEvent] }>();
  private readonly feed: StreamFeed;
  /** Per subject, the newest known event in the stream. */
  private readonly newest = new Map<string, NewestEvent>();

  constructor(private readonly options: EventLogOptions) {
    const { bus, replicas, clock, logger } = options;
    this.emitter.setMaxListeners(maxListeners);
    this.feed = new StreamFeed({
      ...{ bus, clock, logger, name: 'the stream of events' },
      ensure: () => ensureEventStream(bus, replicas),
      firstSequence: ({ state }) => Math.max(1, state.last_seq - maxKept + 1),
      onNewStream: () => {
        this.kept = [];
        this.newest.clear();
      },
      take: (message) => this.take(message),
    });
  }

  /** Resolves when all stored events have been read. */
  async start(): Promise<void> {
    await this.feed.start();
    this.caughtUp = true;
  }

  /** After a reconnect. */
  restart(): void {
    this.feed.restart();
  }

  stop(): Promise<void> {
    return this.feed.stop();
  }

  /**
   * Events in memory, newest first.
   * @param group empty: all; `fleet`: also those that concern no single group
   * @param before only events with lower numbers; 0: all
   * @param after only events with higher numbers
   */
  list(group: string, limit: number, before: number, after = 0): FleetEvent[] {
    const found: FleetEvent[] = [];
    const isWanted = (event: FleetEvent) => group === '' || (event.group || fleetLabel) === group;
    for (let i = this.kept.length - 1; i >= 0 && found.length < limit; i--) {
      const event = this.kept[i] as FleetEvent;
      if (event.sequence <= after) break;
      if ((before === 0 || event.sequence < before) && isWanted(event)) {
        found.push(event);
      }
    }
    return found;
  }

  /** Calls back for each new event, until the returned function is called. */
  onEvent(listener: (event: FleetEvent) => void): () => void {
    this.emitter.on('event', listener);
    return () => this.emitter.off('event', listener);
  }

  /**
   * Publishes those events of a decision that are not in the stream yet.
   * @param id of the decision
   * @throws OfframpError `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`
   */
  publish(group: string, id: string, events: readonly NewEvent[]): Promise<void> {
    return this.publishOn(eventSubject(group), id, events);
  }

  /** The same for events of presence, on a separate subject, so that they do not interleave with decisions. */
  publishPresence(id: string, events: readonly NewEvent[]): Promise<void> {
    return this.publishOn(presenceEventSubject, id, events);
  }

  private async publishOn(subject: string, id: string, events: readonly NewEvent[]): Promise<void> {
    let next = 0;
    let previous = this.newest.get(subject);
    for (let attempt = 0; next < events.length && attempt < maxAttempts; attempt++) {
      previous ??= await this.last(subject);
      // NATS drops recent duplicates; older ones must be detected here.
      const { id: newestId } = previous;
      next = Math.max(next, events.findIndex((_, i) => idOf(id, i) === newestId) + 1);
      while (next < events.length && previous !== undefined) {
        const nextId = idOf(id, next);
        const sequence = await this.append(subject, nextId, events[next] as NewEvent, previous.sequence);
        if (sequence !== null) next++;
        previous = sequence === null ? undefined : { sequence, id: nextId };
      }
    }
    if (previous !== undefined) this.newest.set(subject, previous);
    else this.newest.delete(subject);
  }

  /** @returns its number; `null` if another event was first */
  private async append(
    subject: string,
    id: string,
    event: NewEvent,
    previous: number,
  ): Promise<number | null> {
    try {
      const stored = await this.options.bus.jetstream().publish(subject, encodeEvent(event), {
        msgID: id,
        expect: { lastSubjectSequence: previous },
      });
      return stored.duplicate ? null : stored.seq;
    } catch (error) {
      if (isWriteConflict(error)) return null;
      throw jetStreamError(this.options.bus, error);
    }
  }

  private async last(subject: string): Promise<NewestEvent> {
    const { bus } = this.options;
    try {
      const manager = await bus.jetstreamManager();
      const message = await manager.streams.getMessage(eventStream, { last_by_subj: subject });
      return { sequence: message.seq, id: message.header.get(idHeader) };
    } catch (error) {
      if (error instanceof NatsError && error.code === ErrorCode.JetStream404NoMessages)
        return { sequence: 0, id: '' };
      throw jetStreamError(bus, error);
    }
  }

  private take({ data, sequence, storedAtMs }: StreamMessage): void {
    const read = tryRead(data);
    if (!read) return;
    const event: FleetEvent = { ...read, sequence, at: new Date(storedAtMs) };
    this.kept.push(event);
    if (this.kept.length > 2 * maxKept) this.kept = this.kept.slice(-maxKept);
    if (this.caughtUp) this.emitter.emit('event', event);
  }
}

/** `null` for malformed bytes, which any client could have published. */
function tryRead(data: Uint8Array): FleetEvent | null {
  try {
    return readEvent(v1.FleetEvent.decode(data));
  } catch {
    return null;
  }
}

const idOf = (decision: string, index: number) => `${decision}/${index}`;
