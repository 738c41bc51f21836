import type { IncomingMessage } from 'node:http';
import type { Clock } from '@offramp/runtime';

/** Milliseconds between reads of a refused body, each of what Node.js buffers: at most 64 KiB. */
const discardEveryMs = 100;

/**
 * Reads the rest of a refused body and discards it, slowly: reading it costs as much as reading an accepted one. The client
 * has the refusal at once, and its connection stays usable. A body that is small is read at once.
 */
export function discardBody(incoming: IncomingMessage, clock: Clock): void {
  // Without a read before the response is sent, Node.js would discard the rest at full speed.
  const discard = () => {
    incoming.read();
    cancel = clock.after(discardEveryMs, discard);
  };
  let cancel: () => void = () => undefined;
  incoming
    .on('error', () => undefined)
    .once('close', () => cancel())
    .pause();
  discard();
}
