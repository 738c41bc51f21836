import { z } from 'zod';
import { messageOf, OfframpError, systemCodeOf } from '../errors/offramp-error.js';
import { quoted } from '../errors/readable-text.js';

interface TcpAddress {
  host: string;
  port: number;
}

/** Where a server listens: a TCP host and port, or a Unix socket. */
export type ListenAddress = TcpAddress | { socketPath: string };

const expectation = 'expected an address like 127.0.0.1:8080, 0.0.0.0:0 or unix:/run/offramp.sock';

/** An option that {@link parseListenAddress} reads, so that what is wrong with it is said of the option. */
export const addressSchema = z.string().refine((text) => readAddress(text) !== null, expectation);

/**
 * Reads `host:port`, `[ipv6]:port` or `unix:/path`.
 * @throws OfframpError `CONFIG_INVALID`
 */
export function parseListenAddress(text: string): ListenAddress {
  const address = readAddress(text);
  if (!address) throw new OfframpError('CONFIG_INVALID', `${expectation}; found ${quoted(text)}`);
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

/** Whether other machines may reach what listens there. */
export function isExposed(address: ListenAddress): address is TcpAddress {
  return !('socketPath' in address || isLoopback(address.host));
}

/** Whether an address or a name is one of this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
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
