import type { Http2Server, IncomingHttpHeaders } from 'node:http2';
import type { Server } from '@grpc/grpc-js';

/** The longest time that a call may have: as many whole hours as grpc-js can count. */
const maxDeadlineMs = 596 * 3_600_000;

const unitMs: ReadonlyMap<string, number> = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
  ['m', 1],
]);

/**
 * Shortens the time of calls that have more than grpc-js can count: it counts milliseconds in 32 bits, so that such a call
 * has ended before it began. The library has no hook before that, so this one is on its HTTP/2 servers.
 * @param server listens already
 */
export function boundDeadlines(server: Server): void {
  const servers = Reflect.get(server, 'http2Servers') as ReadonlyMap<Http2Server, unknown>;
  for (const http2 of servers.keys()) {
    http2.prependListener('stream', (_stream, headers: IncomingHttpHeaders) => {
      const timeout = headers['grpc-timeout'];
      if (timeout !== undefined) headers['grpc-timeout'] = boundTimeout(String(timeout));
    });
  }
}

/** @param timeout as gRPC writes it: a number and its unit */
export function boundTimeout(timeout: string): string {
  const [, count = '', unit = ''] = /^(\d+)([HMSm])$/.exec(timeout) ?? [];
  return Number(count) * (unitMs.get(unit) ?? 0) > maxDeadlineMs ? `${maxDeadlineMs / 3_600_000}H` : timeout;
}
