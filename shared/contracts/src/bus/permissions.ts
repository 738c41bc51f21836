import type { Identity } from '../identity/spiffe-id.js';
import {
  bundleStore,
  controlBucket,
  controllerSubject,
  eventSubjects,
  leaseBucket,
  nameSubject,
  policyBucket,
  policyReadSubject,
  policySubject,
  telemetrySubject,
  workerSubject,
  workerSubjects,
} from './subjects.js';

type WithoutFleet<Party> = Party extends { role: 'nats' } ? never : Omit<Party, 'fleet'>;

/** A party of a fleet that connects to NATS. */
export type BusParty = WithoutFleet<Identity>;

/** What a party may do on NATS. Everything else is denied. */
export interface BusPermissions {
  publish: readonly string[];
  subscribe: readonly string[];
  /** Whether it may answer each request that it receives, once, within a minute. */
  respond: boolean;
}

/**
 * What replies to a party's requests begin with, so that no other party can read them. Operators share theirs, as controllers
 * do.
 */
export function inboxPrefix(party: BusParty): string {
  const rest =
    party.role === 'device'
      ? `.${party.group}.${party.name}`
      : party.role === 'worker'
        ? `.${party.name}`
        : '';
  return `_INBOX.${party.role}${rest}`;
}

/**
 * The least that a party needs.
 * @throws OfframpError `CONFIG_INVALID` for a name that is no token of a subject
 */
export function permissionsOf(party: BusParty): BusPermissions {
  const replies = `${inboxPrefix(party)}.>`;
  switch (party.role) {
    case 'device':
      return devicePermissions(party.group, party.name, replies);
    case 'worker':
      return { publish: [workerSubject(party.name)], subscribe: [], respond: false };
    case 'operator':
      return {
        publish: [`${controllerSubject}.>`, ...storeSubjects(bundleStore)],
        subscribe: [replies],
        respond: false,
      };
    case 'controller':
      return {
        publish: [
          `${controllerSubject}.>`,
          eventSubjects,
          ...[policyBucket, controlBucket, leaseBucket].map((bucket) => `$KV.${bucket}.>`),
          `$O.${bundleStore}.>`,
          '$JS.API.>',
          '$JS.ACK.>',
          '$JS.FC.>',
        ],
        subscribe: [`${controllerSubject}.>`, workerSubjects, '$SRV.>', replies],
        respond: true,
      };
  }
}

function devicePermissions(group: string, device: string, replies: string): BusPermissions {
  const name = nameSubject(group, device);
  return {
    publish: [telemetrySubject(group, device), name, policyReadSubject(group)],
    subscribe: [policySubject(group), name, replies],
    respond: true,
  };
}

/** To put objects into a store, but not to take it away. */
function storeSubjects(store: string): string[] {
  const stream = `OBJ_${store}`;
  const requests = ['STREAM.CREATE', 'STREAM.INFO', 'STREAM.PURGE', 'STREAM.MSG.GET', 'DIRECT.GET'];
  return [
    `$O.${store}.>`,
    '$JS.API.INFO',
    ...requests.map((request) => `$JS.API.${request}.${stream}`),
    `$JS.API.DIRECT.GET.${stream}.>`,
  ];
}

/** Permissions of a user, as the configuration of a NATS server has them. */
export function serverPermissions({ publish, subscribe, respond }: BusPermissions): object {
  return {
    publish: { allow: publish },
    // An empty list would allow everything.
    subscribe: subscribe.length === 0 ? { deny: ['>'] } : { allow: subscribe },
    ...(respond ? { allow_responses: { max: 1, expires: '1m' } } : {}),
  };
}
