import { z } from 'zod';
import { messageOf, OfframpError, systemCodeOf } from '../errors.js';

/** Where a server listens: a TCP host and port, or a Unix socket. */
export type ListenAddress = { host: string; port: number } | { socketPath: string };

const expectation = 'expected an address like 127.0.0.1:8080, 0.0.0.0:0 or unix:/run/offramp.sock';

/** An option that {@link parseListenAddress} reads, so that what is wrong with it is said of the option. */
export const addressSchema = z.string().refine((text) => readAddress(text) !== null, expectation);

/**
 * Reads `host:port`, `[ipv6]:port` or `unix:/path`.
 * @throws OfframpError `CONFIG_INVALID`
 */
export function parseListenAddress(text: string): ListenAddress {
  const address = readAddress(text);
  if (!address) throw new OfframpError('CONFIG_INVALID', `${expectation}; found ${JSON.stringify(text)}`);
  return address;
}

function readAddress(text: string): ListenAddress | null {
  const unix = /^unix:(?:\/\/)?(.+)$/.exec(text);
  if (unix) return { socketPath: unix[1] as string };
  const tcp = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(text);
  const port = Number(tcp?.[2]);
  if (!tcp || port > 65_535) return null;
  return { host: (tcp[1] as string).replace(/^\[|\]$/g, ''), port };
}

/** The error for an address that a server could not take. */
export function listenError(address: string, cause: unknown): OfframpError {
  const inUse = systemCodeOf(cause) === 'EADDRINUSE' || messageOf(cause).includes('EADDRINUSE');
  return inUse
    ? new OfframpError('PORT_IN_USE', `${address} is already in use`, {
        hint: 'Stop what listens there, or choose another address; port 0 takes a free one.',
        cause,
      })
    : new OfframpError('LISTEN_FAILED', `cannot listen on ${address}: ${messageOf(cause)}`, { cause });
}
