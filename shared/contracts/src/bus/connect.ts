import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions as NodeTlsOptions } from 'node:tls';
import { messageOf, OfframpError, parseNatsServers, systemCodeOf } from '@offramp/runtime';
import { type ConnectionOptions, connect, ErrorCode, type NatsConnection, type TlsOptions } from 'nats';
import { isLoginRefusal, loginRefused } from './login-refused.js';
import { identityCheck } from './server-identity.js';

export interface BusOptions {
  /** As `parseNatsServers` reads it. One `tls://` demands TLS of all servers. */
  url: string;
  /** Shown in the server's list of connections. */
  name: string;
  /** Whether to keep trying when no server answers at first. A refused login ends the attempts. Default false. */
  waitOnFirstConnect?: boolean;
  /** How long one attempt to connect may take, in milliseconds. Default 5000. */
  timeoutMs?: number;
}

const retryMs = 500;

/**
 * Connects to NATS. Once connected, the connection is made again for ever when it breaks, also while the server refuses
 * the login.
 * @throws OfframpError `NATS_UNAVAILABLE`, `NATS_REFUSED`, `NATS_WITHOUT_TLS`, `CONFIG_INVALID`
 */
export async function connectBus(options: BusOptions): Promise<NatsConnection> {
  const { servers, credentials } = parseNatsServers(options.url);
  for (;;) {
    try {
      return await connect({
        servers,
        ...credentials,
        ...tlsOf(servers),
        name: options.name,
        maxReconnectAttempts: -1,
        // Otherwise nats.js closes the connection for good at the second refused login of its life.
        ignoreAuthErrorAbort: true,
        reconnectTimeWait: retryMs,
        reconnectJitter: 250,
        timeout: options.timeoutMs ?? 5_000,
        pingInterval: 10_000,
      });
    } catch (cause) {
      const code = systemCodeOf(cause);
      const named = servers.join(',');
      if (isLoginRefusal(code)) throw loginRefused(named, messageOf(cause), cause);
      if (code === ErrorCode.ServerOptionNotAvailable) throw withoutTls(named, cause);
      if (!options.waitOnFirstConnect || code === 'ERR_INVALID_URL') throw unavailable(named, cause);
    }
    await sleep(retryMs);
  }
}

/** nats.js ignores the scheme, and demands TLS if there are options for it. */
function tlsOf(servers: readonly string[]): Pick<ConnectionOptions, 'tls'> {
  if (!servers.some((server) => /^tls:/i.test(server))) return {};
  // nats.js passes all options on to Node.js, but its types name few.
  const tls: TlsOptions & Pick<NodeTlsOptions, 'checkServerIdentity'> = {
    checkServerIdentity: identityCheck(servers),
  };
  return { tls };
}

function withoutTls(servers: string, cause: unknown): OfframpError {
  return new OfframpError(
    'NATS_WITHOUT_TLS',
    `expected TLS at ${servers}; found a NATS server without it, to which no credentials were sent`,
    { hint: 'Add a `tls` block to the configuration of the server.', cause },
  );
}

function unavailable(servers: string, cause: unknown): OfframpError {
  return new OfframpError('NATS_UNAVAILABLE', `no NATS server answers at ${servers}: ${messageOf(cause)}`, {
    hint: 'Start one with JetStream (`nats-server -js`), or name another with --nats.',
    cause,
  });
}
