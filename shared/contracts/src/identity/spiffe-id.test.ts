import { describe, expect, it, test } from 'vitest';
import { identityOf } from './certificate-identity.js';
import { formatIdentity, type Identity, parseIdentity } from './spiffe-id.js';

const identities: [string, Identity][] = [
  [
    'spiffe://fleet.example/device/cameras/camera-1',
    { fleet: 'fleet.example', role: 'device', group: 'cameras', name: 'camera-1' },
  ],
  ['spiffe://f/worker/W_1', { fleet: 'f', role: 'worker', name: 'W_1' }],
  ['spiffe://a_b-c.d/controller/c', { fleet: 'a_b-c.d', role: 'controller', name: 'c' }],
  ['spiffe://fleet/nats/nats-1', { fleet: 'fleet', role: 'nats', name: 'nats-1' }],
  ['spiffe://fleet/operator/anna', { fleet: 'fleet', role: 'operator', name: 'anna' }],
];

test.each(identities)('%s is read and written', (id, identity) => {
  expect(parseIdentity(id)).toEqual(identity);
  expect(formatIdentity(identity)).toBe(id);
});

test.each([
  '',
  'https://fleet/worker/w',
  'SPIFFE://fleet/worker/w',
  'spiffe:///worker/w',
  'spiffe://Fleet/worker/w',
  'spiffe://user@fleet/worker/w',
  'spiffe://fleet:1/worker/w',
  'spiffe://fleet/worker/',
  'spiffe://fleet/worker/w/',
  'spiffe://fleet/worker/w?x',
  'spiffe://fleet/worker/w.x',
  'spiffe://fleet/worker/%77',
  'spiffe://fleet/device/name',
  'spiffe://fleet/device//name',
  'spiffe://fleet/device/a/b/c',
  'spiffe://fleet/janitor/name',
  'spiffe://fleet/worker/w\n',
  `spiffe://${'f'.repeat(256)}/worker/w`,
])('%j is no identity', (id) => {
  expect(parseIdentity(id)).toBeNull();
});

test.each<Identity>([
  { fleet: 'Fleet', role: 'worker', name: 'w' },
  { fleet: 'fleet', role: 'worker', name: 'w/x' },
  { fleet: 'fleet', role: 'device', group: 'a/b', name: 'n' },
  { fleet: 'fleet/device/g', role: 'worker', name: 'w' },
])('%j cannot be written', (identity) => {
  expect(() => formatIdentity(identity)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

describe('the identity of a certificate', () => {
  const worker = 'URI:spiffe://fleet/worker/w';
  it('is its one URI, beside other names', () => {
    for (const names of [worker, `DNS:a, ${worker}`, `${worker}, IP Address:127.0.0.1`]) {
      expect(identityOf({ subjectAltName: names })).toMatchObject({ role: 'worker', name: 'w' });
    }
  });

  it('is nobody for none, several, foreign, and quoted names', () => {
    const others = [
      undefined,
      '',
      'DNS:a',
      `${worker}, ${worker}`,
      'URI:https://fleet/worker/w',
      `DNS:"a, ${worker}"`,
      `DNS:"a\\", ${worker}"`,
      `DNS:"a", ${worker}x/y`,
    ];
    for (const subjectAltName of others) expect(identityOf({ subjectAltName })).toBeNull();
  });
});
