import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { hostGuard } from './host-guard.js';

describe('hostGuard', () => {
  const foreign = ['evil.example:7401', '127.0.0.1.evil.example', 'localhost.evil:1', 'a b', '::1:1'];
  const local = ['127.0.0.1:7401', '127.0.0.1', 'localhost:80', 'LocalHost', '[::1]:7401'];
  const refused = expect.objectContaining({ code: 'UNAUTHORIZED' });

  it('on a loopback address, takes loopback names and those allowed', () => {
    const guard = hostGuard({ host: '127.0.0.1', port: 0 }, ['Camera.local']);
    for (const host of [...local, 'camera.local:8080', 'CAMERA.local']) guard(host);
    for (const host of [undefined, '', '10.0.0.1', hostname(), ...foreign]) {
      expect(() => guard(host), host).toThrow(refused);
    }
  });

  it('where other machines may reach it, takes addresses and its own names, too', () => {
    const guard = hostGuard({ host: 'camera', port: 0 });
    for (const host of [...local, '10.0.0.1:80', '[fe80::1]:80', 'camera:80', `${hostname()}:80`])
      guard(host);
    for (const host of [undefined, '', ...foreign]) expect(() => guard(host), host).toThrow(refused);
  });

  it('on a Unix socket, takes everything', () => {
    hostGuard({ socketPath: '/run/offramp.sock' })('device');
  });

  it('says what it takes, what it found, and what to do', () => {
    expect(() => hostGuard({ host: '127.0.0.1', port: 0 }, ['camera'], 'Allow it.')('evil:1')).toThrow(
      expect.objectContaining({
        message: 'Host: without a token, expected one of 127.0.0.1, localhost, camera; found "evil:1"',
        hint: 'Allow it.',
      }),
    );
  });
});
