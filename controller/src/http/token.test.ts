import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFifo, temporaryFolder } from '@offramp/runtime/testing';
import { describe, expect, it } from 'vitest';
import { carriesToken, checkExposure, readToken } from './token.js';

const token = 'correct-horse-battery-staple';
const withCode = (code: string) => expect.objectContaining({ code });

describe('readToken', () => {
  it('uses the file, else the environment, else none', async () => {
    const file = join(await temporaryFolder(), 'token');
    await writeFile(file, `${token}\n`);
    const other = 'another-token-of-20-characters';
    expect(await readToken(file, { OFFRAMP_CONTROLLER_TOKEN: other })).toBe(token);
    expect(await readToken(undefined, { OFFRAMP_CONTROLLER_TOKEN: other })).toBe(other);
    expect(await readToken(undefined, { OFFRAMP_CONTROLLER_TOKEN: '' })).toBeNull();
    expect(await readToken(undefined, {})).toBeNull();
  });

  it('rejects an invalid token without quoting it', async () => {
    const file = join(await temporaryFolder(), 'token');
    await expect(readToken(file, {})).rejects.toEqual(withCode('FILE_NOT_FOUND'));
    for (const wrong of ['', 'short', 'two words in sixteen letters']) {
      await writeFile(file, wrong);
      await expect(readToken(file, {})).rejects.toEqual(withCode('CONFIG_INVALID'));
    }
    const fifo = await makeFifo(`${file}.fifo`);
    await expect(readToken(fifo, {})).rejects.toThrow('expected a regular file, found a FIFO');
    await writeFile(file, 'x'.repeat(5_000));
    await expect(readToken(file, {})).rejects.toThrow('expected at most 4096 bytes, found 5000');
    await expect(readToken(undefined, { OFFRAMP_CONTROLLER_TOKEN: 'hunter2' })).rejects.toThrow(
      /^the token in OFFRAMP_CONTROLLER_TOKEN: expected at least 16 .*, found 7 characters$/,
    );
  });
});

describe('checkExposure', () => {
  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('requires no token on %s', (host) => {
    expect(() => checkExposure({ host, port: 0 }, null)).not.toThrow();
  });

  it.each(['0.0.0.0', '::', '10.0.0.7', 'controller', '127.0.0.1.example.org'])(
    'requires one on %s',
    (host) => {
      expect(() => checkExposure({ host, port: 0 }, null)).toThrow(withCode('CONFIG_INVALID'));
      expect(() => checkExposure({ host, port: 0 }, token)).not.toThrow();
    },
  );

  it('requires none on a Unix socket', () => {
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
