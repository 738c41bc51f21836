import { dirname, join } from 'node:path';
import { formatIdentity, type Identity, parseIdentity } from '@offramp/contracts';
import type { Enrolled } from '@offramp/controller/authority';
import { defineConfig, OfframpError, quoted } from '@offramp/runtime';
import type { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../../config-command.js';
import { userName } from '../../fleet/user-name.js';

const dir = z.string().min(1).default('fleet').describe('Folder that `offramp fleet init` has made');
const role = z
  .enum(['device', 'worker', 'controller', 'operator', 'nats'])
  .default('device')
  .describe('What the party is; others than devices are in no group');
const hosts = z
  .array(z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/, 'expected host names and IP addresses'))
  .default([]);
const partyOptions = { dir, role };

const initOptions = defineConfig('fleet', {
  fleet: z
    .string()
    .regex(/^[a-z0-9._-]{1,64}$/, "expected 1 to 64 lower-case letters, digits, '.', '_' or '-'")
    .default('fleet')
    .describe('Name of the fleet, which is part of every identity'),
  hosts: hosts.describe(
    'Host names and IP addresses by which clients reach NATS, the worker and the controller',
  ),
});

export function initCommand(): Command {
  return configCommand(
    'init <dir>',
    'Make the authority of a fleet, the configuration of NATS, and certificates of NATS, a worker, a controller and an operator',
    initOptions,
    async ({ fleet, hosts }, dir = '') => {
      const parties: Identity[] = [
        { fleet, role: 'nats', name: 'nats' },
        { fleet, role: 'worker', name: 'worker' },
        { fleet, role: 'controller', name: 'controller' },
        { fleet, role: 'operator', name: userName().replaceAll(/[^A-Za-z0-9_-]/g, '-') || 'operator' },
      ];
      const { FleetFolder } = await authority();
      await FleetFolder.create(dir, { fleet, parties, hosts }, Date.now());
      console.log(`made the fleet ${fleet} in ${dir}`);
      for (const party of parties) console.log(`enrolled ${formatIdentity(party)}`);
      console.log(`Start NATS in ${join(dir, 'nats/nats')}: nats-server --config nats.conf`);
      console.log(`Keep ${join(dir, 'authority')} to yourself. ${join(dir, 'public')} is for everybody.`);
    },
  );
}

const enrollOptions = defineConfig('fleet', {
  ...partyOptions,
  request: z.string().min(1).optional().meta({
    description: 'File with the signing request of the party, which then keeps its key to itself',
    fallback: 'a key is made here',
  }),
  hosts: hosts.describe('Host names and IP addresses by which clients reach the party'),
});

export function enrollCommand(): Command {
  return configCommand(
    'enroll <party>',
    'Issue the certificate of a device or another party',
    enrollOptions,
    async ({ dir, role, request, hosts }, name = '') => {
      const folder = await open(dir);
      const identity = partyOf(folder.fleet, role, name);
      report('enrolled', await folder.enroll(identity, { request, hosts }, Date.now()));
    },
  );
}

export function requestCommand(): Command {
  return configCommand(
    'request <dir>',
    'Make a key and a signing request for it, on the device that keeps the key',
    defineConfig('fleet', {}),
    async (_, dir = '') => {
      const { createSigningRequest } = await authority();
      const request = await createSigningRequest(dir);
      console.log(`made ${request}; the key beside it stays on this machine`);
    },
  );
}

export function renewCommand(): Command {
  return configCommand(
    'renew',
    'Renew the certificates in the second half of their time, and the revocation list',
    defineConfig('fleet', { dir }),
    async ({ dir }) => {
      const folder = await open(dir);
      const renewed = await folder.renew(Date.now());
      for (const one of renewed) report('renewed', one);
      if (renewed.length === 0) console.log('no certificate is due; the revocation list is new');
    },
  );
}

export function revokeCommand(): Command {
  return configCommand(
    'revoke <party>',
    'Take back all certificates of a device or another party',
    defineConfig('fleet', partyOptions),
    async ({ dir, role }, name = '') => {
      const folder = await open(dir);
      const identity = partyOf(folder.fleet, role, name);
      const count = await folder.revoke(identity, Date.now());
      const certificates = count === 1 ? 'its certificate' : `its ${count} certificates`;
      console.log(`revoked ${formatIdentity(identity)}: ${certificates}`);
      console.log(
        `Programs learn it from ${join(dir, 'public', 'ca.crl')}. Reload NATS: nats-server --signal reload.`,
      );
    },
  );
}

/** Loaded where it is used, because loading takes a while. */
const authority = () => import('@offramp/controller/authority');
const open = async (dir: string) => (await authority()).FleetFolder.open(dir);

/** @throws OfframpError `CONFIG_INVALID` */
function partyOf(fleet: string, role: Identity['role'], name: string): Identity {
  const identity = parseIdentity(`spiffe://${fleet}/${role}/${name}`);
  if (identity) return identity;
  const expected = role === 'device' ? 'GROUP/DEVICE' : 'NAME';
  throw new OfframpError(
    'CONFIG_INVALID',
    `expected ${expected} of letters, digits, '_' and '-', for the role ${role}; found ${quoted(name)}`,
  );
}

function report(done: string, { identity, certificate, expires }: Enrolled): void {
  const until = expires.toISOString().slice(0, 10);
  console.log(`${done} ${formatIdentity(identity)} until ${until}: ${dirname(certificate)}`);
}
