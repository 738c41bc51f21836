import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/temporary-folder.js';
import { makeFolder } from './make-folder.js';

describe('makeFolder', () => {
  it('makes what is missing, and is content with what is there', async () => {
    const path = join(await temporaryFolder(), 'a/b/c');
    await makeFolder(path);
    await makeFolder(path);
    expect(existsSync(path)).toBe(true);
  });

  it('fails where a file is in the way', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolder(join(file, 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.runIf(existsSync('/proc'))('ends where no folder can ever be made', async () => {
    await expect(makeFolder('/proc/offramp/bundle')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
