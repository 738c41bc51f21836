/** The output of a stream. */
export interface StreamSink {
  /** @returns whether it accepts more; otherwise `StreamClient.drained` is called when it does */
  write(text: string): boolean;
  end(): void;
}

/** A part of the fleet's state; the same object while its content is unchanged. */
export interface Section {
  event: string;
  /** JSON. */
  data: string;
}

/** Sections by key, `KIND GROUP` for those of a group. Clients get them in this order. */
export type Picture = ReadonlyMap<string, Section>;

/** Maximum number of waiting events. A client that is further behind is disconnected, and can resume. */
const maxQueuedEvents = 256;
/** A client that reads nothing for this many heartbeats is disconnected. */
const maxStalledBeats = 6;

/**
 * One client of the stream. It gets the sections that have changed since its last read, so a slow client skips outdated
 * states. It gets all events, in order. Memory per client is bounded.
 */
export class StreamClient {
  private blocked = false;
  private held = false;
  private ended = false;
  private stalledBeats = 0;
  private picture: Picture = new Map();
  private readonly sent = new Map<string, Section>();
  private events: { sequence: number; text: string }[] = [];

  /** @param lastSequence of the last event that the client has */
  constructor(
    private readonly sink: StreamSink,
    private lastSequence: number,
  ) {}

  show(picture: Picture): void {
    this.picture = picture;
    this.flush();
  }

  /** @param data JSON */
  event(sequence: number, data: string): void {
    if (this.ended) return;
    if (this.events.length >= maxQueuedEvents) {
      this.end();
      return;
    }
    this.events.push({ sequence, text: `id: ${sequence}\n${messageText('event', data)}` });
    this.flush();
  }

  /** Holds new events until earlier ones have been read. */
  hold(): void {
    this.held = true;
  }

  /** @param replayed events before the held ones, oldest first */
  release(replayed: readonly { sequence: number; data: string }[]): void {
    const texts = replayed.map(({ sequence, data }) => ({
      sequence,
      text: `id: ${sequence}\n${messageText('event', data)}`,
    }));
    this.events = [...texts, ...this.events];
    this.held = false;
    this.flush();
  }

  /** Sends a message at once, even without room. Only for small and rare messages. */
  say(event: string, data: string): void {
    this.write(messageText(event, data));
  }

  drained(): void {
    this.blocked = false;
    this.stalledBeats = 0;
    this.flush();
  }

  beat(): void {
    if (!this.blocked) this.write(': \n\n');
    else if (++this.stalledBeats >= maxStalledBeats) this.end();
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.events = [];
    this.sent.clear();
    this.sink.end();
  }

  private flush(): void {
    if (!this.held) {
      while (!this.blocked && this.events.length > 0) {
        const { sequence, text } = this.events.shift() as { sequence: number; text: string };
        if (sequence <= this.lastSequence) continue;
        this.lastSequence = sequence;
        this.write(text);
      }
    }
    for (const [key, section] of this.picture) {
      if (this.blocked) return;
      if (this.sent.get(key) === section) continue;
      this.sent.set(key, section);
      this.write(messageText(section.event, section.data));
    }
    for (const key of this.sent.keys()) {
      if (this.blocked) return;
      if (this.picture.has(key)) continue;
      this.sent.delete(key);
      const [kind, group] = key.split(' ');
      if (kind === 'group') this.write(messageText('gone', JSON.stringify({ group })));
    }
  }

  private write(text: string): void {
    if (!this.ended) this.blocked = !this.sink.write(text);
  }
}

/** JSON has no line breaks, so it fits into one `data:` line. */
const messageText = (event: string, data: string) => `event: ${event}\ndata: ${data}\n\n`;
