import { Sender } from './fair-clock.js';

/** The senders that are known by a key, while they have streams or calls. */
export class Senders {
  private readonly known = new Map<string, { sender: Sender; uses: number }>();

  /** The sender with this key, for a stream or a call that will {@link release} it once. */
  take(key: string): Sender {
    const entry = this.known.get(key) ?? { sender: new Sender(), uses: 0 };
    entry.uses++;
    this.known.set(key, entry);
    return entry.sender;
  }

  release(key: string): void {
    const entry = this.known.get(key);
    if (entry && --entry.uses === 0) this.known.delete(key);
  }
}
