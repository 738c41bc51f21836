import { describe, expect, it } from 'vitest';
import { isExposed, listenError, parseListenAddress } from './address.js';

describe('parseListenAddress', () => {
  it.each([
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
    ['[::1]:7400', { host: '::1', port: 7400 }],
    ['unix:/run/offramp.sock', { socketPath: '/run/offramp.sock' }],
    ['unix:///run/offramp.sock', { socketPath: '/run/offramp.sock' }],
    ['unix:offramp.sock', { socketPath: 'offramp.sock' }],
  ])('reads %s', (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
  });

  it.each([
    '',
    '8080',
    ':8080',
    'localhost',
    'localhost:',
    'localhost:65536',
    'localhost:http',
    '::1:80',
    'unix:',
  ])('refuses %j', (text) => {
    expect(() => parseListenAddress(text)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(`expected an address like .*; found ${JSON.stringify(text)}`),
      }),
    );
  });

  it('refuses a URL', () => {
    expect(() => parseListenAddress('http://127.0.0.1:80')).toThrow('expected an address like');
  });
});

describe('listenError', () => {
  it('tells an address in use, by code or by message, from others', () => {
    const inUse = Object.assign(new Error('listen failed'), { code: 'EADDRINUSE' });
    expect(listenError('a:1', inUse)).toMatchObject({
      code: 'PORT_IN_USE',
      message: 'a:1 is already in use',
    });
    const grpc = new Error('No address added out of total 1 resolved errors: [listen EADDRINUSE a:1]');
    expect(listenError('a:1', grpc)).toMatchObject({ code: 'PORT_IN_USE' });
    expect(listenError('a:1', new Error('listen EACCES'))).toMatchObject({
      code: 'LISTEN_FAILED',
      message: 'cannot listen on a:1: listen EACCES',
    });
  });
});

describe('isExposed', () => {
  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('%s is not', (host) => {
    expect(isExposed({ host, port: 0 })).toBe(false);
  });

  it.each(['0.0.0.0', '::', '10.0.0.7', 'controller', '127.0.0.1.example.org'])('%s is', (host) => {
    expect(isExposed({ host, port: 0 })).toBe(true);
  });

  it('a Unix socket is not', () => {
    expect(isExposed({ socketPath: '/run/offramp.sock' })).toBe(false);
  });
});
