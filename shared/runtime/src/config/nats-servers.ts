import { z } from 'zod';
import { OfframpError } from '../errors/offramp-error.js';
import { quoted } from '../errors/readable-text.js';
import { redactUrl } from '../errors/redact-urls.js';

/** Where NATS is, and how a client proves who it is. */
export interface NatsServers {
  /** Without credentials. */
  servers: string[];
  credentials: { user: string; pass: string } | { token: string } | null;
}

const expectation =
  'expected servers like nats://host:4222 or nats://user:password@host:4222, separated by commas, with the same credentials for all and special characters percent-encoded';

/** An option that {@link parseNatsServers} reads. */
export const natsServersSchema = z.string().refine((text) => readNatsServers(text) !== null, expectation);

/**
 * Reads `nats://host:port`, with `user:password@` or `token@` before the host where the server asks for it; several
 * separated by commas.
 * @throws OfframpError `CONFIG_INVALID`
 */
export function parseNatsServers(text: string): NatsServers {
  const read = readNatsServers(text);
  if (read) return read;
  throw new OfframpError('CONFIG_INVALID', `${expectation}; found ${quoted(redactUrl(text))}`);
}

function readNatsServers(text: string): NatsServers | null {
  const servers: string[] = [];
  const given = new Set<string>();
  for (const part of text.split(',')) {
    const match = /^(?:([a-z][a-z0-9+.-]*:\/\/)(?:([^\s"\\]*)@)?)?([^\s"\\@/]+\/?)$/i.exec(part.trim());
    if (!match) return null;
    const [, scheme = '', userInfo, host = ''] = match;
    if (!URL.canParse(`http://${host}`)) return null;
    servers.push(scheme + host);
    if (userInfo !== undefined) given.add(userInfo);
  }
  const [userInfo, ...others] = given;
  if (others.length > 0) return null;
  return { servers, credentials: userInfo === undefined ? null : credentialsOf(userInfo) };
}

function credentialsOf(userInfo: string): NatsServers['credentials'] {
  const colon = userInfo.indexOf(':');
  if (colon < 0) return { token: decodeUserInfo(userInfo) };
  return { user: decodeUserInfo(userInfo.slice(0, colon)), pass: decodeUserInfo(userInfo.slice(colon + 1)) };
}

/** A part of what is before the host in a URL; as it stands where it is not percent-encoded. */
export function decodeUserInfo(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
