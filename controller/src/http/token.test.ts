import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@offramp/shared/testing';
import { describe, expect, it } from 'vitest';
import { carriesToken, checkExposure, namesLoopback, readToken } from './token.js';

const token = 'correct-horse-battery-staple';
const withCode = (code: string) => expect.objectContaining({ code });

describe('readToken', () => {
  it('takes the file, else the environment, else none', async () => {
    const file = join(await temporaryFolder(), 'token');
    await writeFile(file, `${token}\n`);
    const other = 'another-token-of-20-characters';
    expect(await readToken(file, { OFFRAMP_CONTROLLER_TOKEN: other })).toBe(token);
    expect(await readToken(undefined, { OFFRAMP_CONTROLLER_TOKEN: other })).toBe(other);
    expect(await readToken(undefined, { OFFRAMP_CONTROLLER_TOKEN: '' })).toBeNull();
    expect(await readToken(undefined, {})).toBeNull();
  });

  it('refuses what is no token, without saying it', async () => {
    const file = join(await temporaryFolder(), 'token');
    await expect(readToken(file, {})).rejects.toEqual(withCode('FILE_NOT_FOUND'));
    for (const wrong of ['', 'short', 'two words in sixteen letters']) {
      await writeFile(file, wrong);
      await expect(readToken(file, {})).rejects.toEqual(withCode('CONFIG_INVALID'));
    }
    await expect(readToken(undefined, { OFFRAMP_CONTROLLER_TOKEN: 'hunter2' })).rejects.toThrow(
      /^the token in OFFRAMP_CONTROLLER_TOKEN: expected at least 16 .*, found 7 characters$/,
    );
  });
});

describe('checkExposure', () => {
  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('lets %s do without a token', (host) => {
    expect(() => checkExposure({ host, port: 0 }, null)).not.toThrow();
  });

  it.each(['0.0.0.0', '::', '10.0.0.7', 'controller', '127.0.0.1.example.org'])(
    'asks for one on %s',
    (host) => {
      expect(() => checkExposure({ host, port: 0 }, null)).toThrow(withCode('CONFIG_INVALID'));
      expect(() => checkExposure({ host, port: 0 }, token)).not.toThrow();
    },
  );

  it('lets a Unix socket do without', () => {
    expect(() => checkExposure({ socketPath: '/run/offramp.sock' }, null)).not.toThrow();
  });
});

describe('carriesToken', () => {
  it.each([
    [`Bearer ${token}`, true],
    [`bearer ${token}`, true],
    [`Bearer ${token}x`, false],
    [`Bearer ${token.slice(1)}`, false],
    [`Basic ${token}`, false],
    [token, false],
    ['Bearer ', false],
    ['', false],
    [undefined, false],
  ])('%j: %j', (header, carried) => {
    expect(carriesToken(header, token)).toBe(carried);
  });
});

describe('namesLoopback', () => {
  it.each(['127.0.0.1:7401', '127.0.0.1', 'localhost:80', '[::1]:7401'])('%s does', (host) => {
    expect(namesLoopback(host)).toBe(true);
  });

  it.each([undefined, '', 'evil.example:7401', '127.0.0.1.evil.example', 'localhost.evil:1', '10.0.0.1'])(
    '%s does not',
    (host) => {
      expect(namesLoopback(host)).toBe(false);
    },
  );
});
