/** Where a stream is written to. */
export interface StreamSink {
  /** @returns whether it takes more at once; where not, `StreamClient.drained` is called when it does */
  write(text: string): boolean;
  end(): void;
}

/** A part of the picture of the fleet; the same object as long as it says the same. */
export interface Section {
  event: string;
  /** JSON. */
  data: string;
}

/** By key; sections of a group are under `KIND GROUP`. Clients get them in this order. */
export type Picture = ReadonlyMap<string, Section>;

/** Events that wait for a client; one that is farther behind is cut off, and resumes where it was. */
const maxQueuedEvents = 256;
/** A client that takes nothing for so many heartbeats is cut off. */
const maxStalledBeats = 6;

/**
 * One reader of the stream. Of the picture it gets what has changed since it was last able to take something, so that who is
 * slow skips what has been overtaken; events all come, in order. What is kept for it does not grow.
 */
export class StreamClient {
  private blocked = false;
  private held = false;
  private ended = false;
  private stalledBeats = 0;
  private picture: Picture = new Map();
  private readonly sent = new Map<string, Section>();
  private events: { sequence: number; text: string }[] = [];

  /** @param lastSequence of the last event that the reader has */
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

  /** Keeps events until what came before them has been read. */
  hold(): void {
    this.held = true;
  }

  /** @param replayed what came before those that are held, oldest first */
  release(replayed: readonly { sequence: number; data: string }[]): void {
    const texts = replayed.map(({ sequence, data }) => ({
      sequence,
      text: `id: ${sequence}\n${messageText('event', data)}`,
    }));
    this.events = [...texts, ...this.events];
    this.held = false;
    this.flush();
  }

  /** Says something at once, whether or not there is room for it: only what is small and rare. */
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

/** JSON has no line breaks, so one `data:` line takes it. */
const messageText = (event: string, data: string) => `event: ${event}\ndata: ${data}\n\n`;
