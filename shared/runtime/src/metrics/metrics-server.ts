import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type ListenAddress, listenError, parseListenAddress } from '../config/address.js';
import { removeStaleSocket } from '../config/stale-socket.js';
import { messageOf } from '../errors/offramp-error.js';
import type { Logger } from '../logs/logging.js';
import type { MetricsText } from './metrics-registry.js';

export interface MetricsServer {
  /** `http://host:port` with the actual port, or `unix:/path` */
  readonly address: string;
  close(): Promise<void>;
}

/** How long a client may take to send a request, and connections at the same time. Scrapes are rare and short. */
const requestTimeoutMs = 5_000;
const maxConnections = 32;
/** Time between looks for clients that have taken too long. */
const timeoutCheckMs = 1_000;

/**
 * Serves `GET /metrics`, for a program that has no other HTTP listener.
 * @param listen `host:port` or `unix:/path`
 * @throws OfframpError `CONFIG_INVALID`, `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function startMetricsServer(
  listen: string,
  metrics: MetricsText,
  logger: Logger,
): Promise<MetricsServer> {
  const target = parseListenAddress(listen);
  const server = createServer(
    {
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: timeoutCheckMs,
    },
    (request, response) => {
      answer(request, response, metrics).catch((error: unknown) => {
        logger.error({ error: messageOf(error) }, 'metrics cannot be shown');
        response.writeHead(500).end();
      });
    },
  );
  server.maxConnections = maxConnections;
  try {
    if ('socketPath' in target) await removeStaleSocket(target.socketPath);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen('socketPath' in target ? { path: target.socketPath } : target, resolve);
    });
  } catch (cause) {
    throw listenError(listen, cause);
  }
  const address = addressOf(target, server.address());
  logger.info({ address }, 'metrics are at /metrics');
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  metrics: MetricsText,
): Promise<void> {
  if (url?.split('?')[0] !== '/metrics') {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('there is only GET /metrics\n');
  } else if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
  } else {
    const text = await metrics.text();
    response.writeHead(200, { 'content-type': metrics.contentType }).end(method === 'HEAD' ? '' : text);
  }
}

function addressOf(
  target: ListenAddress,
  bound: ReturnType<ReturnType<typeof createServer>['address']>,
): string {
  if ('socketPath' in target) return `unix:${target.socketPath}`;
  const { host } = target;
  const port = bound && typeof bound === 'object' ? bound.port : target.port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
