import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

let count = 0;

/**
 * Writes a file, in place of one that may be there. It appears whole or not at all, and stays after a power cut.
 * @param mode of the file
 * @throws Error the system's
 */
export async function replaceFile(
  path: string,
  contents: readonly (string | Uint8Array)[],
  mode = 0o666,
): Promise<void> {
  const partial = `${path}.partial-${process.pid}-${count++}`;
  try {
    await rm(partial, { force: true });
    const file = await open(partial, 'wx', mode);
    try {
      for (const content of contents) await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Some file systems have no such thing for folders. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
