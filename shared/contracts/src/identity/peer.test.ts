import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';
import { beforeAll, expect, test } from 'vitest';
import { TestAuthority } from '../testing/test-authority.js';
import { Peer } from './peer.js';
import { readTrust } from './tls-credentials.js';

const uri = 'spiffe://fleet.example/worker/worker-1';
/** Nothing is written into it. */
const folder = '/nowhere';
const file = (content: string) => ({ path: 'file', content: Buffer.from(content) });

let authority: TestAuthority;
beforeAll(async () => {
  authority = await TestAuthority.create(folder);
});

/** The chain as Node.js gives it: the last certificate is its own issuer. */
function chainOf(...pems: string[]): DetailedPeerCertificate {
  const [first, ...others] = pems.map((pem) => ({ raw: new X509Certificate(pem).raw }));
  const chain = { ...first } as DetailedPeerCertificate;
  chain.issuerCertificate = others.length === 0 ? chain : chainOf(...pems.slice(1));
  return chain;
}

async function peerOf(validMs = 60_000) {
  const issued = await authority.issue({ uris: [uri], validMs });
  const trust = await readTrust(file(authority.certificate), null);
  return { peer: new Peer(chainOf(issued.cert, authority.certificate), trust.pem), issued, trust };
}

test('a peer has the identity of its certificate, and no problem until it expires', async () => {
  const { peer, trust } = await peerOf();
  expect(peer.identity).toMatchObject({ fleet: 'fleet.example', role: 'worker' });
  expect(peer.problem(trust, peer.expiresMs - 1)).toBeNull();
  expect(peer.problem(trust, peer.expiresMs)).toBe('expired');
});

test('the first certificate of the chain that expires decides', async () => {
  const { peer } = await peerOf(24 * 3_600_000);
  expect(peer.expiresMs).toBe(Date.parse(new X509Certificate(authority.certificate).validTo));
});

test('a peer is revoked with its serial number, but not with that of another', async () => {
  const { peer, issued } = await peerOf();
  const other = await authority.issue({ uris: [uri] });
  const now = Date.now();
  const trustWith = async (serial: string) =>
    readTrust(file(authority.certificate), file(await authority.revoke(serial)));
  expect(peer.problem(await trustWith(other.serialNumber), now)).toBeNull();
  expect(peer.problem(await trustWith(issued.serialNumber), now)).toBe('revoked');
});

test('when the trusted authorities change, its own must be among them', async () => {
  const { peer } = await peerOf();
  const other = await TestAuthority.create(folder, 'CN=Other');
  const sameName = await TestAuthority.create(folder);
  const now = Date.now();
  const both = await readTrust(file(other.certificate + authority.certificate), null);
  expect(peer.problem(both, now)).toBeNull();
  expect(peer.problem(await readTrust(file(other.certificate), null), now)).toBe('untrusted');
  expect(peer.problem(await readTrust(file(sameName.certificate), null), now)).toBe('untrusted');
});

test('a chain of any length ends', () => {
  const endless = { raw: new X509Certificate(authority.certificate).raw } as DetailedPeerCertificate;
  endless.issuerCertificate = { raw: endless.raw, issuerCertificate: endless } as DetailedPeerCertificate;
  expect(new Peer(endless, Buffer.alloc(0)).identity).toBeNull();
});
