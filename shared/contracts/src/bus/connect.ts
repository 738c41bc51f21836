import { messageOf, OfframpError, parseNatsServers } from '@offramp/runtime';
import { connect, type NatsConnection } from 'nats';

export interface BusOptions {
  /** As `parseNatsServers` reads it. */
  url: string;
  /** Shown in the server's list of connections. */
  name: string;
  /** Whether to keep trying when no server answers at first. Default false. */
  waitOnFirstConnect?: boolean;
  /** How long one attempt to connect may take, in milliseconds. Default 5000. */
  timeoutMs?: number;
}

/**
 * Connects to NATS. Once connected, the connection is made again for ever when it breaks.
 * @throws OfframpError `NATS_UNAVAILABLE`, `CONFIG_INVALID`
 */
export async function connectBus(options: BusOptions): Promise<NatsConnection> {
  const { servers, credentials } = parseNatsServers(options.url);
  try {
    return await connect({
      servers,
      ...credentials,
      name: options.name,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 500,
      reconnectJitter: 250,
      timeout: options.timeoutMs ?? 5_000,
      pingInterval: 10_000,
      waitOnFirstConnect: options.waitOnFirstConnect ?? false,
    });
  } catch (cause) {
    throw new OfframpError(
      'NATS_UNAVAILABLE',
      `no NATS server answers at ${servers.join(',')}: ${messageOf(cause)}`,
      {
        hint: 'Start one with JetStream (`nats-server -js`), or name another with --nats.',
        cause,
      },
    );
  }
}
