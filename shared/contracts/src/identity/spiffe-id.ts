import { OfframpError, quoted } from '@offramp/runtime';
import { isName } from '../bus/subjects.js';

/** Who a party of a fleet is, as its certificate says. */
export type Identity =
  | { fleet: string; role: 'device'; group: string; name: string }
  | { fleet: string; role: 'worker' | 'controller' | 'operator'; name: string }
  /** A NATS server. */
  | { fleet: string; role: 'nats'; name: string };

export type Role = Identity['role'];

/** A SPIFFE trust domain (SPIFFE-ID, section 2.1). */
const fleetPattern = /^[a-z0-9._-]{1,255}$/;
const idPattern = /^spiffe:\/\/([^/]*)\/(?:device\/([^/]*)|(worker|controller|operator|nats))\/([^/]*)$/;

/** What {@link parseIdentity} reads, in words. */
export const identityExpectation =
  'spiffe://FLEET/device/GROUP/NAME, or worker/NAME, controller/NAME, operator/NAME or nats/NAME in place of device/GROUP/NAME';

/**
 * Writes an identity as a SPIFFE ID.
 * @throws OfframpError `CONFIG_INVALID` for a fleet, a group or a name that an ID cannot have
 */
export function formatIdentity(identity: Identity): string {
  const { fleet, role, name } = identity;
  const place = role === 'device' ? `device/${identity.group}` : role;
  const id = `spiffe://${fleet}/${place}/${name}`;
  if (parseIdentity(id)) return id;
  throw new OfframpError('CONFIG_INVALID', `identity: expected ${identityExpectation}; found ${quoted(id)}`, {
    hint: "A fleet has lower-case letters, digits, '.', '_' and '-'; groups and names have letters, digits, '_' and '-'.",
  });
}

/** Reads a SPIFFE ID; `null` for one that is not of an Offramp fleet. */
export function parseIdentity(text: string): Identity | null {
  const [, fleet = '', group, role, name = ''] = idPattern.exec(text) ?? [];
  if (!fleetPattern.test(fleet) || !isName(name)) return null;
  if (role === 'nats') return { fleet, role, name };
  if (role === 'worker' || role === 'controller' || role === 'operator') return { fleet, role, name };
  return group !== undefined && isName(group) ? { fleet, role: 'device', group, name } : null;
}
