import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, type Logger, messageOf } from '@offramp/shared';
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
  /** When the NATS server took it in, in milliseconds of the controller's clock. */
  seenAtMs: number;
  /** The same by the server's clock, in milliseconds since 1970: as often as it is read, by whomever. */
  storedAtMs: number;
  /** Its number in the stream. */
  sequence: number;
}

export interface StreamFeedOptions {
  bus: NatsConnection;
  /** For the log: `the telemetry stream`. */
  name: string;
  /** Makes the stream where it is not there. */
  ensure(): Promise<StreamInfo>;
  /** Where to begin. Default: with the first message. */
  firstSequence?(stream: StreamInfo): number;
  /** The stream is another one than before: numbers count from 1 again. */
  onNewStream?(): void;
  clock: Clock;
  logger: Logger;
  /** Gets every message that the stream holds, once each while the server keeps running, in order. */
  take(message: StreamMessage): void;
}

const maxMessagesAhead = 1_000;
const retryDelayMs = 500;
/** The server removes the consumer of a controller that vanished. */
const inactiveThresholdMs = 60_000;
/** What has been stored for longer than this and has not come is asked for anew: requests have been seen to end unnoticed for half a minute. */
const stallAfterMs = 3_000;

/**
 * Reads a stream from its beginning, then on for ever: through lost connections, a server that
 * restarts, and a stream that was deleted.
 *
 * Devices' clocks are never looked at. What arrives live was seen now; what had been stored before has the
 * server's timestamp, and the server's clock is known from the moment at which it made the consumer.
 */
export class StreamFeed {
  private readonly stopping = new AbortController();
  private messages: ConsumerMessages | null = null;
  private nextSequence = 1;
  private created: string | null = null;
  private ended: Promise<void> = Promise.resolve();

  constructor(private readonly options: StreamFeedOptions) {}

  /** When the stream was made, which tells it from others; empty before it was looked at. */
  get streamCreated(): string {
    return this.created ?? '';
  }

  /** Resolves when everything that was stored at first has been taken. */
  start(): Promise<void> {
    return new Promise((caughtUp) => {
      this.ended = this.run(caughtUp);
    });
  }

  /** Begins anew where it stands: after a reconnect, the server may not know the consumer any more. */
  restart(): void {
    this.messages?.close();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.restart();
    await this.ended;
  }

  private async run(caughtUp: () => void): Promise<void> {
    const { logger, name } = this.options;
    while (!this.stopping.signal.aborted) {
      try {
        await this.read(caughtUp);
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        logger.warn({ error: messageOf(error) }, `cannot read ${name}; trying again`);
      }
      await sleep(retryDelayMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** Makes a consumer and reads until it is of no use any more. */
  private async read(caughtUp: () => void): Promise<void> {
    const { bus, name, clock, logger, take } = this.options;
    const stream = await this.options.ensure();
    const streamName = stream.config.name;
    if (stream.created !== this.created) {
      if (this.created) logger.warn(`${name} is a new one; reading it from its start`);
      if (this.created) this.options.onNewStream?.();
      this.nextSequence = this.created ? 1 : (this.options.firstSequence?.(stream) ?? 1);
      this.created = stream.created;
    }
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
        messages.close(); // Something was lost on the way. This and what follows comes again.
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
    bound.delete().catch(() => undefined); // Where that fails, the server removes it after a while.
  }

  /** Ends a reading to which nothing comes although there has long been something. */
  private watchForStalls(messages: ConsumerMessages, look: () => Promise<StreamInfo>): () => void {
    const { clock } = this.options;
    const watch = new StallWatch();
    const check = async () => {
      const stream = await look().catch(() => null); // Without a server there is nothing to be missed.
      if (watch.isStalled(this.nextSequence, stream?.state ?? null)) messages.close();
      if (this.messages === messages) cancel = clock.after(stallAfterMs, () => void check());
    };
    let cancel = clock.after(stallAfterMs, () => void check());
    return () => cancel();
  }
}
