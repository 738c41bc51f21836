import type { PeerCertificate } from 'node:tls';
import { expect, test } from 'vitest';
import { identityCheck } from './server-identity.js';

const certificate = (subjectaltname: string) =>
  ({ subject: { CN: 'nats' }, subjectaltname }) as unknown as PeerCertificate;

test.each([
  ['tls://10.0.0.5:4222', 'localhost', 'IP Address:10.0.0.5', true],
  ['tls://[::1]:4222', 'localhost', 'IP Address:0:0:0:0:0:0:0:1', true],
  ['tls://10.0.0.5:4222', 'localhost', 'DNS:localhost', false],
  ['tls://10.0.0.5:4222', 'localhost', 'IP Address:10.0.0.6', false],
  ['tls://localhost', 'localhost', 'DNS:localhost', true],
  ['tls://a.example', 'a.example', 'DNS:a.example', true],
  ['tls://a.example', 'a.example', 'DNS:b.example', false],
])('of %s, which TLS calls %s, a certificate for %s: %s', (server, host, names, accepted) => {
  const problem = identityCheck([server])(host, certificate(names));
  expect(problem === undefined).toBe(accepted);
});

test('of several servers by address, the certificate of each is accepted', () => {
  const check = identityCheck(['tls://10.0.0.5', 'tls://10.0.0.6']);
  expect(check('localhost', certificate('IP Address:10.0.0.6'))).toBeUndefined();
});
