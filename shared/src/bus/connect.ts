import { connect, type NatsConnection } from 'nats';
import { messageOf, OfframpError } from '../errors.js';

export interface BusOptions {
  /** `nats://host:port`, several separated by commas. */
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
 * @throws OfframpError `NATS_UNAVAILABLE`
 */
export async function connectBus(options: BusOptions): Promise<NatsConnection> {
  try {
    return await connect({
      servers: options.url.split(',').map((server) => server.trim()),
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
      `no NATS server answers at ${options.url}: ${messageOf(cause)}`,
      {
        hint: 'Start one with JetStream (`nats-server -js`), or name another with --nats.',
        cause,
      },
    );
  }
}
