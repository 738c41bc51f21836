import { once } from 'node:events';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeFifo } from '../testing/make-fifo.js';
import { temporaryFolder } from '../testing/temporary-folder.js';
import { openFile, readFile, readTextFile } from './read-file.js';

/** Where something of a kind lies that is not a file. */
const makers: Record<string, (path: string) => Promise<string>> = {
  'a FIFO': makeFifo,
  'a device': async () => '/dev/zero',
  'a folder': async (path) => {
    await mkdir(path);
    return path;
  },
  'a socket': async (path) => {
    const server = createServer().listen(path);
    onTestFinished(() => {
      server.close();
    });
    await once(server, 'listening');
    return path;
  },
};

describe('readFile', () => {
  it('reads a file, also by a link, and an empty one', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), 'grüße');
    await writeFile(join(folder, 'empty'), '');
    await symlink('file', join(folder, 'link'));
    expect(await readTextFile(join(folder, 'file'), 100)).toBe('grüße');
    expect(String(await readFile(join(folder, 'link'), { exactly: 7 }))).toBe('grüße');
    expect(await readFile(join(folder, 'empty'), { atMost: 0 })).toHaveLength(0);
  });

  it.each(Object.entries(makers))('refuses %s at once', async (kind, make) => {
    const path = await make(join(await temporaryFolder(), 'x'));
    const message = `expected a regular file, found ${kind}`;
    await expect(readFile(path, { atMost: 100 })).rejects.toThrow(message);
    await expect(openFile(path)).rejects.toThrow(message);
  });

  it('compares the size with what is expected before it takes memory', async () => {
    const path = join(await temporaryFolder(), 'sparse');
    await writeFile(path, '');
    await truncate(path, 2 ** 33);
    await expect(readFile(path, { atMost: 100 })).rejects.toThrow(
      'expected at most 100 bytes, found 8589934592',
    );
    await expect(readFile(path, { exactly: 100 })).rejects.toThrow('expected 100 bytes, found 8589934592');
    await truncate(path, 99);
    await expect(readFile(path, { exactly: 100 })).rejects.toThrow('expected 100 bytes, found 99');
  });

  it("leaves the system's errors as they are", async () => {
    const folder = await temporaryFolder();
    await expect(readFile(join(folder, 'none'), { atMost: 1 })).rejects.toMatchObject({ code: 'ENOENT' });
    await symlink('loop', join(folder, 'loop'));
    await expect(readFile(join(folder, 'loop'), { atMost: 1 })).rejects.toMatchObject({ code: 'ELOOP' });
  });
});
