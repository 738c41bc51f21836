import type { IncomingMessage } from 'node:http';
import type { Clock } from '@offramp/runtime';

/** Milliseconds between reads of a refused body, each of what Node.js buffers: at most 64 KiB. */
const discardEveryMs = 100;

/**
 * Reads the rest of refused bodies and discards it, slowly: reading it costs as much as reading an accepted one. The client
 * has the refusal at once, and its connection stays usable.
 */
export class RefusedBodies {
  private readonly discarded = new Set<IncomingMessage>();

  constructor(private readonly clock: Clock) {}

  /** A body that is small is read at once. */
  discard(incoming: IncomingMessage): void {
    const { socket } = incoming;
    // Without a read before the response is sent, Node.js would discard the rest at full speed.
    const read = () => {
      incoming.read();
      cancel = this.clock.after(discardEveryMs, read);
    };
    let cancel: () => void = () => undefined;
    const end = () => {
      cancel();
      this.discarded.delete(incoming);
      socket.off('close', end);
    };
    this.discarded.add(incoming);
    incoming
      .on('error', () => undefined)
      .once('close', end)
      .pause();
    // Once the response is sent, Node.js does not tell a request that its connection is closed.
    socket.once('close', end);
    read();
  }

  /** Closes the connections on which refused bodies still arrive, once the refusals are sent. */
  abandon(): void {
    for (const { socket } of this.discarded) socket.destroySoon();
  }
}
