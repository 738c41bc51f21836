import { setTimeout as sleep } from 'node:timers/promises';
import { ensureEventStream, eventStream, type Logger, messageOf, v1 } from '@offramp/shared';
import { AckPolicy, DeliverPolicy, type JsMsg, type NatsConnection, nanos } from 'nats';
import { readEvent } from './event-messages.js';

export interface WebhookOptions {
  bus: NatsConnection;
  replicas: number;
  url: string;
  logger: Logger;
  leading(): boolean;
}

const durableName = 'webhook';
const requestTimeoutMs = 10_000;
const fetchWaitMs = 1_000;
const pauseMs = 500;
/** The server gives an event to another who asks when it has heard nothing for so long. */
const ackWaitMs = 30_000;
/** So often the server hears that an event is not forgotten. */
const workingMs = 10_000;
const firstRetryMs = 500;
const maxRetryMs = 60_000;
/** Over about an hour and a half; then an event is given up. */
const maxAttempts = 100;

/**
 * Tells every event to a URL, as JSON by POST, in their order, from the first one on that came after there was a webhook. NATS
 * remembers which have been told, so that the next controller to lead goes on there; in a crash, one may be told twice.
 */
export class Webhook {
  private readonly stopping = new AbortController();
  private ended: Promise<void> = Promise.resolve();
  private failing = false;

  constructor(private readonly options: WebhookOptions) {}

  start(): void {
    this.ended = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        if (this.options.leading()) await this.tellNext();
        else await sleep(pauseMs, undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        this.options.logger.debug({ error: messageOf(error) }, 'cannot read events for the webhook');
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private async tellNext(): Promise<void> {
    const { bus, replicas } = this.options;
    const manager = await bus.jetstreamManager();
    await ensureEventStream(bus, replicas);
    await manager.consumers.add(eventStream, {
      durable_name: durableName,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.New,
      ack_wait: nanos(ackWaitMs),
      max_ack_pending: 1,
    });
    const consumer = await bus.jetstream().consumers.get(eventStream, durableName);
    while (!this.stopping.signal.aborted && this.options.leading()) {
      const message = await consumer.next({ expires: fetchWaitMs });
      if (!message) continue;
      const { streamSequence, timestampNanos } = message.info;
      const event = {
        ...readEvent(v1.FleetEvent.decode(message.data)),
        ...{ sequence: streamSequence, at: new Date(timestampNanos / 1e6) },
      };
      await this.tell(message, JSON.stringify(event));
    }
  }

  /** Until it is told, is given up, or is another's to tell. */
  private async tell(message: JsMsg, body: string): Promise<void> {
    const { url, leading, logger } = this.options;
    const { signal } = this.stopping;
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const problem = await post(url, body, signal);
      this.note(problem);
      if (problem === null) {
        await message.ackAck();
        return;
      }
      for (
        let leftMs = Math.min(maxRetryMs, firstRetryMs * 2 ** (attempt - 1));
        leftMs > 0;
        leftMs -= workingMs
      ) {
        message.working();
        await sleep(Math.min(leftMs, workingMs), undefined, { signal }).catch(() => undefined);
        if (!signal.aborted && leading()) continue;
        message.nak();
        return;
      }
    }
    logger.warn({ url, sequence: message.info.streamSequence }, 'the webhook was not told of an event');
    message.term();
  }

  private note(problem: string | null): void {
    const { logger, url } = this.options;
    if (problem && !this.failing)
      logger.warn({ url, problem }, 'the webhook does not take events; trying again');
    if (!problem && this.failing) logger.info({ url }, 'the webhook takes events again');
    this.failing = problem !== null;
  }
}

/** @returns what went wrong; `null`: nothing */
async function post(url: string, body: string, signal: AbortSignal): Promise<string | null> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
    });
    await response.body?.cancel();
    return response.ok ? null : `HTTP ${response.status}`;
  } catch (error) {
    return messageOf(error);
  }
}
