import { createParser } from 'eventsource-parser';
import type { StreamMessages } from '../../src/http/schemas/index.js';
import { authorization, errorOf } from './api.js';

export type StreamMessage = {
  [Name in keyof StreamMessages]: { name: Name; data: StreamMessages[Name] };
}[keyof StreamMessages];

/**
 * - `connecting`: the first attempt is under way
 * - `live`: the page shows the current state
 * - `cut`: the page shows an older state, and the link retries
 * - `refused`: the token is missing or wrong
 */
export type LinkState = 'connecting' | 'live' | 'cut' | 'refused';

export interface StreamListener {
  /** All messages of one read, so that the page is drawn once. */
  messages(messages: StreamMessage[]): void;
  state(state: LinkState, problem: string): void;
}

/** The server sends a heartbeat every 5 s. */
const silenceMs = 15_000;
const firstRetryMs = 500;
const longestRetryMs = 10_000;

/** Keeps the controller's event stream open and resumes after the last event. Uses `fetch`, because `EventSource` cannot send a token. */
export class StreamLink {
  private lastEventId = '';
  private retryMs = firstRetryMs;
  private abort = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(private readonly listener: StreamListener) {
    void this.run();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.abort.abort();
  }

  private async run(): Promise<void> {
    while (!this.closed) {
      try {
        if (!(await this.read())) return;
        this.cut('The controller ended the stream.');
      } catch (error) {
        this.cut(error instanceof Error ? error.message : String(error));
      }
      clearTimeout(this.timer);
      await new Promise<void>((resolve) => {
        this.timer = setTimeout(resolve, this.retryMs);
      });
      this.retryMs = Math.min(2 * this.retryMs, longestRetryMs);
    }
  }

  private cut(problem: string): void {
    if (!this.closed) this.listener.state('cut', problem);
  }

  /** @returns whether to retry */
  private async read(): Promise<boolean> {
    this.abort = new AbortController();
    this.watch();
    const response = await fetch('v1/stream', {
      headers: {
        ...authorization(),
        ...(this.lastEventId === '' ? {} : { 'last-event-id': this.lastEventId }),
      },
      signal: this.abort.signal,
    });
    if (response.status === 401) {
      this.listener.state('refused', (await errorOf(response)).message);
      return false;
    }
    if (!response.ok || !response.body) throw await errorOf(response);
    this.listener.state('live', '');
    this.retryMs = firstRetryMs;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let messages: StreamMessage[] = [];
    const parser = createParser({
      onEvent: ({ id, event, data }) => {
        messages.push({ name: event, data: JSON.parse(data) } as StreamMessage);
        if (id !== undefined) this.lastEventId = id;
      },
    });
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      this.watch();
      parser.feed(value);
      if (messages.length === 0) continue;
      this.listener.messages(messages);
      messages = [];
    }
  }

  private watch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.abort.abort(), silenceMs);
  }
}
