import { setTimeout as sleep } from 'node:timers/promises';
import { ensureEventStream, eventStream, v1 } from '@offramp/contracts';
import { decodeUserInfo, type Logger, messageOf } from '@offramp/runtime';
import { AckPolicy, DeliverPolicy, type JsMsg, type NatsConnection, nanos } from 'nats';
import { readEvent } from '../store/event-messages.js';

export interface WebhookOptions {
  bus: NatsConnection;
  replicas: number;
  /** A user name and password in it are sent as Basic authentication. */
  url: string;
  logger: Logger;
  leading(): boolean;
}

const durableName = 'webhook';
const requestTimeoutMs = 10_000;
const fetchWaitMs = 1_000;
const pauseMs = 500;
/** After this time without an acknowledgement the server delivers an event again. */
const ackWaitMs = 30_000;
/** Interval of working signals for an event in progress. */
const workingMs = 10_000;
const firstRetryMs = 500;
const maxRetryMs = 60_000;
/** Attempts over about an hour and a half; then an event is dropped. */
const maxAttempts = 100;

/**
 * Posts every event to a URL as JSON, in order, starting with the first event after the webhook was configured. NATS stores
 * the position, so the next leader continues there. After a crash, one event may be posted twice.
 */
export class Webhook {
  private readonly stopping = new AbortController();
  private ended: Promise<void> = Promise.resolve();
  private failing = false;

  private readonly target: Target;

  constructor(private readonly options: WebhookOptions) {
    this.target = targetOf(options.url);
  }

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
        if (this.options.leading()) await this.postNext();
        else await sleep(pauseMs, undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        this.options.logger.debug({ error: messageOf(error) }, 'cannot read events for the webhook');
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private async postNext(): Promise<void> {
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

  /** Posts an event until it succeeds, is dropped, or another controller leads. */
  private async tell(message: JsMsg, body: string): Promise<void> {
    const { leading, logger } = this.options;
    const { signal } = this.stopping;
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const problem = await post(this.target, body, signal);
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
    const { streamSequence: sequence } = message.info;
    logger.warn(
      { url: this.target.shown, sequence },
      'an event was dropped because the webhook did not accept it',
    );
    message.term();
  }

  private note(problem: string | null): void {
    const { logger } = this.options;
    const { shown: url } = this.target;
    if (problem && !this.failing)
      logger.warn({ url, problem }, 'the webhook does not accept events; retrying');
    if (!problem && this.failing) logger.info({ url }, 'the webhook accepts events again');
    this.failing = problem !== null;
  }
}

interface Target {
  url: URL;
  headers: Readonly<Record<string, string>>;
  /** For the log, without path and query, which may be secret, too. */
  shown: string;
}

/** `fetch` does not accept a URL with credentials. */
function targetOf(text: string): Target {
  const url = new URL(text);
  const { username, password, origin: shown } = url;
  const credentials = `${decodeUserInfo(username)}:${decodeUserInfo(password)}`;
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  const headers = {
    'content-type': 'application/json',
    ...(credentials === ':' ? {} : { authorization }),
  };
  url.username = '';
  url.password = '';
  return { url, headers, shown };
}

/** @returns the problem; `null` on success */
async function post({ url, headers }: Target, body: string, signal: AbortSignal): Promise<string | null> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
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
