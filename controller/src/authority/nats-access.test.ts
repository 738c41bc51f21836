import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Identity } from '@offramp/contracts';
import { temporaryFolder } from '@offramp/runtime/testing';
import { expect, test } from 'vitest';
import { FleetFolder } from './fleet-folder.js';

const now = Date.UTC(2026, 0, 1);
const fleet = 'fleet.example';
const server: Identity = { fleet, role: 'nats', name: 'nats' };
const other: Identity = { fleet, role: 'nats', name: 'nats-2' };
const camera: Identity = { fleet, role: 'device', group: 'cameras', name: 'camera-1' };

async function createFleet() {
  const root = join(await temporaryFolder(), 'fleet');
  const folder = await FleetFolder.create(root, { fleet, parties: [server], hosts: [] }, now);
  const read = (name: string, nats = 'nats') => readFile(join(root, 'nats', nats, name), 'utf8');
  const access = async (nats?: string) => {
    const text = await read('access.conf', nats);
    const { tls, authorization } = JSON.parse(`{${text.replace(/^#.*$/m, '')}}`);
    return {
      keys: tls.pinned_certs.length,
      users: authorization.users.map(({ user }: { user: string }) => user),
    };
  };
  return { root, folder, read, access };
}

test('a party may log in with its key from its enrolment to its revocation, at every server', async () => {
  const { folder, access } = await createFleet();
  expect(await access()).toEqual({ keys: 1, users: [] });
  await folder.enroll(other, {}, now);
  await folder.enroll(camera, {}, now);
  const enrolled = { keys: 3, users: ['spiffe://fleet.example/device/cameras/camera-1'] };
  expect([await access(), await access('nats-2')]).toEqual([enrolled, enrolled]);
  await folder.renew(now + 300 * 86_400_000);
  expect(await access()).toEqual(enrolled);
  await folder.revoke(camera, now);
  expect([await access(), await access('nats-2')]).toEqual(Array(2).fill({ keys: 2, users: [] }));
});

test('what an operator has changed in the configuration stays', async () => {
  const { root, folder, read } = await createFleet();
  await appendFile(join(root, 'nats/nats/nats.conf'), 'max_connections: 10\n');
  await folder.enroll(camera, {}, now);
  expect(await read('nats.conf')).toMatch(/include "access.conf"\nmax_connections: 10\n$/);
});
