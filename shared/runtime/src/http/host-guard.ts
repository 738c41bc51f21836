import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { isExposed, isLoopback, type ListenAddress } from '../config/address.js';
import { OfframpError } from '../errors/offramp-error.js';
import { quoted } from '../errors/readable-text.js';

/** @throws OfframpError `UNAUTHORIZED` for a `Host` header under which clients may not ask */
export type HostGuard = (header: string | undefined) => void;

/**
 * For servers that ask for no token: without it, a page on the Internet whose name is made to lead here would be
 * answered, since the browser takes it for the same origin. Loopback names pass; where other machines may reach the
 * server, so do its own name and all IP addresses, which cannot be made to lead elsewhere. On a Unix socket, everything
 * does.
 * @param allowed further names, without ports
 * @param hint how to allow a name
 */
export function hostGuard(address: ListenAddress, allowed: readonly string[] = [], hint?: string): HostGuard {
  if ('socketPath' in address) return () => undefined;
  const exposed = isExposed(address);
  const own = exposed ? [address.host, hostname()] : [];
  const names = new Set([...own, ...allowed].map((name) => name.toLowerCase()));
  const expected = ['127.0.0.1', 'localhost', ...(exposed ? ['an IP address'] : []), ...names].join(', ');
  return (header) => {
    const [, bracketed, plain] =
      /^(?:\[([^\]]+)\]|([^:]*))(?::\d+)?$/.exec(header?.toLowerCase() ?? '') ?? [];
    const host = bracketed ?? plain ?? '';
    if (isLoopback(host) || names.has(host) || (exposed && isIP(host) !== 0)) return;
    throw new OfframpError(
      'UNAUTHORIZED',
      `Host: without a token, expected one of ${expected}; found ${quoted(header ?? '')}`,
      hint === undefined ? {} : { hint },
    );
  };
}
