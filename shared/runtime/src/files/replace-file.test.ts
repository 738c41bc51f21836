import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../testing/index.js';
import { readTextFile } from './read-file.js';
import { replaceFile } from './replace-file.js';

test('a file is replaced with its mode, and nothing else is left', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'key');
  await writeFile(path, 'an older and longer one', { mode: 0o644 });
  await replaceFile(path, ['a', Buffer.from('b')], 0o600);
  expect(await readTextFile(path, 10)).toBe('ab');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['key']);
});

test('a file that cannot be replaced stays, and nothing else is left', async () => {
  const folder = await temporaryFolder();
  await expect(replaceFile(join(folder, 'missing', 'key'), ['a'])).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(replaceFile(folder, ['a'])).rejects.toThrow();
  expect(await readdir(folder)).toEqual([]);
});
