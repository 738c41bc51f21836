import { createPublicKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Identity, identityOf } from '@offramp/contracts';
import { readTrust, type Trust } from '@offramp/contracts/testing';
import { temporaryFolder } from '@offramp/runtime/testing';
import { describe, expect, test } from 'vitest';
import { FleetFolder } from './fleet-folder.js';
import { createSigningRequest } from './signing-request.js';

const dayMs = 86_400_000;
const now = Date.UTC(2026, 0, 1);
const fleet = 'fleet.example';
const worker: Identity = { fleet, role: 'worker', name: 'worker' };
const camera: Identity = { fleet, role: 'device', group: 'cameras', name: 'camera-1' };

async function createFleet() {
  const root = join(await temporaryFolder(), 'fleet');
  const folder = await FleetFolder.create(
    root,
    { fleet, parties: [worker], hosts: ['worker.example', '::1'] },
    now,
  );
  const certificate = async (...place: string[]) => new X509Certificate(await readFile(join(root, ...place)));
  const trust = async (): Promise<Trust> => {
    const file = async (name: string) => ({
      path: name,
      content: await readFile(join(root, 'public', name)),
    });
    return readTrust(await file('ca.crt'), await file('ca.crl'));
  };
  return { root, folder, certificate, trust };
}

/** Permissions of every file and folder, relative to the root. */
async function modesOf(root: string): Promise<Record<string, string>> {
  const names = await readdir(root, { recursive: true });
  const modes = names.map(async (name) => {
    const { mode } = await stat(join(root, name));
    return [name.replace(/[0-9A-F]{16,}/, 'SERIAL'), (mode & 0o777).toString(8)] as const;
  });
  return Object.fromEntries(await Promise.all(modes));
}

describe('a new fleet', () => {
  test('has an authority, and parties that it names', async () => {
    const { certificate, trust } = await createFleet();
    const [authority, own] = [await certificate('public/ca.crt'), await certificate('worker/worker/tls.crt')];
    expect(authority.ca).toBe(true);
    expect(own.verify(authority.publicKey) && own.checkIssued(authority)).toBe(true);
    expect(own.ca).toBe(false);
    expect(identityOf(own)).toEqual(worker);
    expect(own.checkHost('worker.example')).toBe('worker.example');
    expect(own.checkIP('::1')).toBe('::1');
    expect(Date.parse(own.validTo)).toBe(now + 365 * dayMs);
    expect((await trust()).revoked.nextUpdateMs).toBe(now + 30 * dayMs);
  });

  test('is closed to other users, but for what is for everybody', async () => {
    const { root } = await createFleet();
    expect((await stat(root)).mode & 0o777).toBe(0o700);
    expect(await modesOf(root)).toEqual({
      authority: '700',
      'authority/ca.key': '600',
      'authority/issued': '700',
      'authority/issued/worker': '700',
      'authority/issued/worker/worker': '700',
      'authority/issued/worker/worker/SERIAL.crt': '600',
      'authority/revoked': '700',
      public: '755',
      'public/ca.crl': '644',
      'public/ca.crt': '644',
      worker: '700',
      'worker/worker': '700',
      'worker/worker/tls.crt': '644',
      'worker/worker/tls.key': '600',
    });
  });

  test.each([
    [
      'a folder with files',
      async (path: string) => mkdir(path).then(() => writeFile(join(path, 'a'), 'mine')),
    ],
    ['a file', async (path: string) => writeFile(path, 'mine')],
  ])('never takes the place of %s, and leaves nothing', async (_, make) => {
    const parent = await temporaryFolder();
    const path = join(parent, 'fleet');
    await make(path);
    const before = await readdir(parent, { recursive: true });
    await expect(FleetFolder.create(path, { fleet, parties: [], hosts: [] }, now)).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
    expect(await readdir(parent, { recursive: true })).toEqual(before);
  });

  test('may fill an empty folder', async () => {
    const path = await temporaryFolder();
    await FleetFolder.create(path, { fleet, parties: [], hosts: [] }, now);
    expect((await FleetFolder.open(path)).fleet).toBe(fleet);
  });
});

describe('opening', () => {
  test('a folder that is none of a fleet is refused', async () => {
    await expect(FleetFolder.open(await temporaryFolder())).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  test.each([
    ['SECRET_EXPOSED', (root: string) => chmod(join(root, 'authority/ca.key'), 0o640)],
    ['CREDENTIALS_INVALID', (root: string) => writeFile(join(root, 'authority/ca.key'), 'x')],
    ['CREDENTIALS_INVALID', (root: string) => writeFile(join(root, 'public/ca.crt'), 'x')],
  ])('a spoiled folder is refused: %s', async (code, spoil) => {
    const { root } = await createFleet();
    await spoil(root);
    await expect(FleetFolder.open(root)).rejects.toMatchObject({ code });
  });
});

describe('enrolling', () => {
  test('issues a certificate for the key of a request, which stays where it is', async () => {
    const { root, folder, certificate } = await createFleet();
    const device = join(await temporaryFolder(), 'device');
    const request = await createSigningRequest(device);
    await expect(createSigningRequest(device)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    const enrolled = await folder.enroll(camera, { request }, now);
    expect(enrolled.certificate).toBe(join(root, 'device/cameras/camera-1/tls.crt'));
    const own = await certificate('device/cameras/camera-1/tls.crt');
    expect(identityOf(own)).toEqual(camera);
    const key = await readFile(join(device, 'tls.key'));
    expect((await stat(join(device, 'tls.key'))).mode & 0o777).toBe(0o600);
    expect(own.publicKey.equals(createPublicKey(key))).toBe(true);
    expect(await readdir(join(root, 'device/cameras/camera-1'))).toEqual(['tls.crt']);
  });

  test('who is enrolled stays as it is', async () => {
    const { folder, certificate } = await createFleet();
    const before = await certificate('worker/worker/tls.crt');
    await expect(folder.enroll(worker, {}, now)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    expect((await certificate('worker/worker/tls.crt')).serialNumber).toBe(before.serialNumber);
  });

  test('a wrong request, and one that is missing, leave nothing', async () => {
    const { root, folder } = await createFleet();
    const request = join(root, 'public/ca.crt');
    await expect(folder.enroll(camera, { request }, now)).rejects.toMatchObject({
      code: 'CREDENTIALS_INVALID',
    });
    await expect(folder.enroll(camera, { request: join(root, 'none') }, now)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
    expect(await readdir(root)).toEqual(['authority', 'public', 'worker']);
  });
});

test('renewing replaces certificates in the second half of their time, for the same key and hosts, and the list', async () => {
  const { root, folder, certificate, trust } = await createFleet();
  await folder.enroll(camera, {}, now + 10 * dayMs);
  const old = await certificate('worker/worker/tls.crt');
  expect(await folder.renew(now + 182 * dayMs)).toEqual([]);
  expect((await trust()).revoked.nextUpdateMs).toBe(now + 212 * dayMs);
  const later = now + 183 * dayMs;
  const again = await FleetFolder.open(root);
  expect((await again.renew(later)).map(({ identity }) => identity)).toEqual([worker]);
  const renewed = await certificate('worker/worker/tls.crt');
  expect(renewed.serialNumber).not.toBe(old.serialNumber);
  expect(Date.parse(renewed.validTo)).toBe(later + 365 * dayMs);
  expect(renewed.publicKey.equals(old.publicKey)).toBe(true);
  expect(renewed.subjectAltName).toBe(old.subjectAltName);
  expect((await again.renew(later)).length).toBe(0);
});

describe('revoking', () => {
  test('takes back every certificate of a party, and of nobody else; then it can be enrolled anew', async () => {
    const { root, folder, certificate, trust } = await createFleet();
    const place = ['device/cameras/camera-1/tls.crt'];
    await folder.enroll(camera, {}, now);
    const old = [await certificate(...place)];
    await folder.renew(now + 200 * dayMs);
    old.push(await certificate(...place));
    expect(await folder.revoke(camera, now + 201 * dayMs)).toBe(2);
    const { revoked, authorities } = await trust();
    expect(authorities).toHaveLength(1);
    expect(old.map((one) => revoked.has(one))).toEqual([true, true]);
    expect(revoked.has(await certificate('worker/worker/tls.crt'))).toBe(false);
    expect(await readdir(join(root, 'device/cameras'))).toEqual([]);
    await folder.enroll(camera, {}, now + 201 * dayMs);
    expect((await trust()).revoked.has(await certificate(...place))).toBe(false);
    await expect(folder.renew(now + 202 * dayMs)).resolves.toEqual([]);
  });

  test('an entry leaves the list when its certificate has expired', async () => {
    const { folder, certificate, trust } = await createFleet();
    const old = await certificate('worker/worker/tls.crt');
    await folder.revoke(worker, now);
    await folder.renew(now + 365 * dayMs);
    expect((await trust()).revoked.has(old)).toBe(true);
    await folder.renew(now + 367 * dayMs);
    expect((await trust()).revoked.has(old)).toBe(false);
  });

  test('two at once both count', async () => {
    const { root, folder, certificate, trust } = await createFleet();
    await folder.enroll(camera, {}, now);
    const certificates = [
      await certificate('worker/worker/tls.crt'),
      await certificate('device/cameras/camera-1/tls.crt'),
    ];
    const other = await FleetFolder.open(root);
    await Promise.all([folder.revoke(worker, now), other.revoke(camera, now)]);
    const { revoked } = await trust();
    expect(certificates.map((one) => revoked.has(one))).toEqual([true, true]);
  });

  test('who has no certificate is not found', async () => {
    const { folder } = await createFleet();
    await expect(folder.revoke(camera, now)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
