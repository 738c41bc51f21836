import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, type Logger, LogOnce, messageOf } from '@offramp/runtime';
import {
  AckPolicy,
  type ConsumerMessages,
  DeliverPolicy,
  type JsMsg,
  type NatsConnection,
  nanos,
  nuid,
  type StreamInfo,
} from 'nats';
import { StallWatch } from './stall-watch.js';

/** A message of a stream. */
export interface StreamMessage {
  subject: string;
  data: Uint8Array;
  /** When the NATS server stored it, in milliseconds of the controller's clock. */
  seenAtMs: number;
  /** The same by the server's clock, in milliseconds since 1970; equal for every reader. */
  storedAtMs: number;
  /** Its number in the stream. */
  sequence: number;
}

export interface StreamFeedOptions {
  bus: NatsConnection;
  /** For the log: `the telemetry stream`. */
  name: string;
  /** Creates the stream if it does not exist. */
  ensure(): Promise<StreamInfo>;
  /** Start of reading. Default: the first message. */
  firstSequence?(stream: StreamInfo): number;
  /** Called when the stream was created again, with numbers from 1. */
  onNewStream?(): void;
  clock: Clock;
  logger: Logger;
  /** Called with every message of the stream in order, once each while the server keeps running. */
  take(message: StreamMessage): void;
}

const maxMessagesAhead = 1_000;
const retryDelayMs = 500;
/** Time after which the server removes the consumer of a vanished controller. */
const inactiveThresholdMs = 60_000;
/** A message that was stored this long ago and not received is requested again, because requests can end unnoticed. */
const stallAfterMs = 3_000;

/**
 * Reads a stream from its beginning and keeps following it, through lost connections, restarts of the server, and a
 * deleted stream.
 *
 * Devices' clocks are not used. A live message has the current time; a stored one has the server's timestamp, and the
 * server's clock is known from the creation time of the consumer.
 */
export class StreamFeed {
  private readonly stopping = new AbortController();
  private messages: ConsumerMessages | null = null;
  private nextSequence = 1;
  private created: string | null = null;
  private ended: Promise<void> = Promise.resolve();

  private readonly problems: LogOnce;

  constructor(private readonly options: StreamFeedOptions) {
    this.problems = new LogOnce(options.logger);
  }

  /** Creation time of the stream, which identifies it; empty before it is known. */
  get streamCreated(): string {
    return this.created ?? '';
  }

  /** Resolves when all messages stored at the start have been read. */
  start(): Promise<void> {
    return new Promise((caughtUp) => {
      this.ended = this.run(caughtUp);
    });
  }

  /** Restarts from the current position: after a reconnect, the server may not know the consumer any more. */
  restart(): void {
    this.messages?.close();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.restart();
    await this.ended;
  }

  private async run(caughtUp: () => void): Promise<void> {
    const { name } = this.options;
    while (!this.stopping.signal.aborted) {
      try {
        await this.read(caughtUp);
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        this.problems.log('warn', 'failed', { error: messageOf(error) }, `cannot read ${name}; retrying`);
      }
      await sleep(retryDelayMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** Creates a consumer and reads until it fails. */
  private async read(caughtUp: () => void): Promise<void> {
    const { bus, name, clock, logger, take } = this.options;
    const stream = await this.options.ensure();
    const streamName = stream.config.name;
    if (stream.created !== this.created) {
      if (this.created) logger.warn(`${name} was created again; reading it from its start`);
      if (this.created) this.options.onNewStream?.();
      this.nextSequence = this.created ? 1 : (this.options.firstSequence?.(stream) ?? 1);
      this.created = stream.created;
    }
    this.problems.clear();
    const storedUpTo = stream.state.last_seq;
    const manager = await bus.jetstreamManager();
    const consumer = await manager.consumers.add(streamName, {
      name: `controller-${nuid.next()}`,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.nextSequence,
      inactive_threshold: nanos(inactiveThresholdMs),
      mem_storage: true,
      num_replicas: 1,
    });
    const clockOffsetMs = clock.now() - Date.parse(consumer.created);
    let delivered = 0;
    const onMessage = (message: JsMsg) => {
      const { deliverySequence, streamSequence, timestampNanos, pending } = message.info;
      if (deliverySequence !== delivered + 1) {
        messages.close(); // A message was lost. This one and later ones are read again.
        return;
      }
      delivered++;
      this.nextSequence = streamSequence + 1;
      const live = streamSequence > storedUpTo;
      const seenAtMs = live ? clock.now() : Math.min(clock.now(), timestampNanos / 1e6 + clockOffsetMs);
      const { subject, data } = message;
      take({ subject, data, seenAtMs, storedAtMs: timestampNanos / 1e6, sequence: streamSequence });
      if (pending === 0) caughtUp();
    };
    const bound = await bus.jetstream().consumers.get(streamName, consumer.name);
    const messages = await bound.consume({
      callback: onMessage,
      max_messages: maxMessagesAhead,
      abort_on_missing_resource: true,
    });
    this.messages = messages;
    if (consumer.num_pending === 0) caughtUp();
    if (this.stopping.signal.aborted) messages.close();
    const endWatch = this.watchForStalls(messages, () => manager.streams.info(streamName));
    const problem = await messages.closed();
    endWatch();
    this.messages = null;
    if (problem) throw problem;
    bound.delete().catch(() => undefined); // If that fails, the server removes it after a while.
  }

  /** Stops a stalled read, which receives nothing although there are messages. */
  private watchForStalls(messages: ConsumerMessages, look: () => Promise<StreamInfo>): () => void {
    const { clock } = this.options;
    const watch = new StallWatch();
    const check = async () => {
      const stream = await look().catch(() => null); // Without a server no stall can be detected.
      if (watch.isStalled(this.nextSequence, stream?.state ?? null)) messages.close();
      if (this.messages === messages) cancel = clock.after(stallAfterMs, () => void check());
    };
    let cancel = clock.after(stallAfterMs, () => void check());
    return () => cancel();
  }
}
