import { setTimeout as sleep } from 'node:timers/promises';
import { systemCodeOf } from '@offramp/runtime';
import { connect, type NatsConnection } from 'nats';
import { BusAccess } from './bus-access.js';
import { connectError } from './connect-error.js';
import { type BusParty, inboxPrefix } from './permissions.js';

/** Servers, as `parseNatsServers` reads them, or access to them with credentials in files. */
export type BusTarget = { url: string } | { access: BusAccess };

export type BusOptions = BusTarget & {
  /** Shown in the server's list of connections. */
  name: string;
  /** Whose replies are expected; default: a party that is not restricted. */
  party?: BusParty;
  /**
   * Whether to keep trying when no server answers at first. A refused login, or a server that is not to be trusted, ends the
   * attempts. Default false.
   */
  waitOnFirstConnect?: boolean;
  /** How long one attempt to connect may take, in milliseconds. Default 5000. */
  timeoutMs?: number;
};

const retryMs = 500;

/**
 * Connects to NATS. Once connected, the connection is made again for ever when it breaks, also while the server refuses
 * the login.
 * @throws OfframpError `NATS_UNAVAILABLE`, `NATS_REFUSED`, `NATS_WITHOUT_TLS`, `NATS_UNTRUSTED`, `CONFIG_INVALID`
 */
export async function connectBus(options: BusOptions): Promise<NatsConnection> {
  const access = 'access' in options ? options.access : BusAccess.to(options.url);
  for (;;) {
    try {
      return await connect({
        ...access.connectionOptions(),
        name: options.name,
        ...(options.party ? { inboxPrefix: inboxPrefix(options.party) } : {}),
        maxReconnectAttempts: -1,
        // Otherwise nats.js closes the connection for good at the second refused login of its life.
        ignoreAuthErrorAbort: true,
        reconnectTimeWait: retryMs,
        reconnectJitter: 250,
        timeout: options.timeoutMs ?? 5_000,
        pingInterval: 10_000,
      });
    } catch (cause) {
      const error = connectError(access.servers, access.demandsTls, cause);
      const lasting = error.code !== 'NATS_UNAVAILABLE' || systemCodeOf(cause) === 'ERR_INVALID_URL';
      if (lasting || !options.waitOnFirstConnect) throw error;
    }
    await sleep(retryMs);
  }
}
