import { describe, expect, it } from 'vitest';
import { parseNatsServers } from './nats-servers.js';

describe('parseNatsServers', () => {
  it.each([
    ['nats://a:4222', { servers: ['nats://a:4222'], credentials: null }],
    ['none', { servers: ['none'], credentials: null }],
    ['a:4222, nats://[::1]:4222', { servers: ['a:4222', 'nats://[::1]:4222'], credentials: null }],
    ['nats://me:secret@a', { servers: ['nats://a'], credentials: { user: 'me', pass: 'secret' } }],
    ['nats://secret@a', { servers: ['nats://a'], credentials: { token: 'secret' } }],
    ['nats://me:1%2f2%22@a', { servers: ['nats://a'], credentials: { user: 'me', pass: '1/2"' } }],
    ['nats://me:50%:@a', { servers: ['nats://a'], credentials: { user: 'me', pass: '50%:' } }],
    [
      'nats://me:secret@a,tls://me:secret@b,nats://c',
      { servers: ['nats://a', 'tls://b', 'nats://c'], credentials: { user: 'me', pass: 'secret' } },
    ],
  ])('reads %s', (text, servers) => {
    expect(parseNatsServers(text)).toEqual(servers);
  });

  it.each([
    '',
    'nats://a,',
    'nats://',
    'me:secret@a',
    'nats://me:se cret@a',
    'nats://me:se"cret@a',
    'nats://me:secret@a,nats://you:secret2@b',
    'nats://me:sec,ret@a',
    'nats://a:99999',
    'nats://me:secret@a:port',
  ])('refuses %j, and does not show the password', (text) => {
    expect(() => parseNatsServers(text)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^expected servers like ((?!secret|cret).)*$/),
      }),
    );
  });
});
