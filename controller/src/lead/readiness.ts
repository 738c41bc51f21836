import { OfframpError } from '@offramp/runtime';
import type { LeaderStatus } from '../decide/model/fleet-control.js';
import { storageHint } from './storage-watch.js';

export interface ReadinessParts {
  /** Whether the connection to NATS has ended for good. */
  closed: boolean;
  /** Whether NATS is there now. */
  connected: boolean;
  /** What keeps JetStream from storing; `null`: nothing. */
  storageProblem: string | null;
  leader: LeaderStatus | null;
}

export interface Readiness {
  /** Why the controller cannot do its work, and will not without help; `null`: it can, or will by itself. */
  error: OfframpError | null;
  /** What it waits for; `null`: nothing. */
  waitsFor: string | null;
}

export function readiness({ closed, connected, storageProblem, leader }: ReadinessParts): Readiness {
  if (closed) {
    const error = new OfframpError('NATS_UNAVAILABLE', 'the connection to NATS has ended for good');
    return { error, waitsFor: null };
  }
  if (storageProblem !== null) {
    const error = new OfframpError('JETSTREAM_UNAVAILABLE', storageProblem, { hint: storageHint });
    return { error, waitsFor: null };
  }
  if (!connected) return { error: null, waitsFor: 'NATS is away; the controller connects again' };
  return { error: null, waitsFor: leader ? null : 'no controller leads yet' };
}
