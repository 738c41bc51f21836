import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { sha256Hex } from '@offramp/runtime';
import { temporaryFolder } from '@offramp/runtime/testing';
import { describe, expect, it } from 'vitest';
import { sampleBundle } from '../testing/sample-bundle.js';
import { Bundle } from './bundle.js';
import { readBundleContents, writeBundle } from './write-bundle.js';

describe('writeBundle', () => {
  it('writes every file with its size and digest, and nothing beside the bundle', async () => {
    const folder = await temporaryFolder();
    const { manifest, directory } = await writeBundle(join(folder, 'new', 'bundle'), sampleBundle());
    const files = [...manifest.stages.map(({ model }) => model), manifest.calibration.table];
    for (const { path, bytes, sha256 } of files) {
      const found = await readFile(join(directory, path));
      expect({ path, bytes: found.length, sha256: sha256Hex(found) }).toEqual({ path, bytes, sha256 });
    }
    expect(await readdir(join(folder, 'new'))).toEqual(['bundle']);
    expect((await readdir(directory)).sort()).toEqual(['calibration.json', 'manifest.json', 'stages']);
  });

  it('replaces a bundle whole', async () => {
    const directory = join(await temporaryFolder(), 'bundle');
    const first = await writeBundle(directory, sampleBundle());
    await writeFile(join(directory, 'stages', 'left-over.onnx'), '');
    const second = await writeBundle(directory, { ...sampleBundle(), name: 'other' });
    expect(second.digest).not.toBe(first.digest);
    expect(second.manifest.name).toBe('other');
    expect((await readdir(join(directory, 'stages'))).sort()).toEqual(['0.onnx', '1.onnx', '2.onnx']);
  });

  it('is completed by what only the check of the staged bundle shows', async () => {
    const directory = join(await temporaryFolder(), 'bundle');
    const seen: string[] = [];
    const bundle = await writeBundle(directory, sampleBundle(), {
      check: async ({ manifest }) => void seen.push(`checked ${manifest.name}`),
      complete: async (written) => {
        seen.push(`completed ${written.manifest.name}`);
        return { ...(await readBundleContents(written)), name: 'completed' };
      },
    });
    expect(seen).toEqual(['checked sample', 'completed sample']);
    expect(bundle.manifest.name).toBe('completed');
    expect(await readBundleContents(bundle)).toEqual({ ...sampleBundle(), name: 'completed' });
    await bundle.readStages();
  });

  it('accepts an empty folder, and a name that ends in a slash', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'bundle'));
    await writeBundle(`${folder}/bundle/`, sampleBundle());
    await writeBundle(`${relative(process.cwd(), folder)}/bundle/`, sampleBundle());
    expect(await readdir(folder)).toEqual(['bundle']);
    expect(await readdir(join(folder, 'bundle'))).toContain('manifest.json');
  });

  it.each([
    ['a folder of other files', async (path: string) => write(path, 'holiday.jpg')],
    [
      'a folder with a manifest of something else',
      async (path: string) => write(path, 'manifest.json', '{}'),
    ],
    ['a folder with a manifest that is not JSON', async (path: string) => write(path, 'manifest.json', 'hm')],
    ['a file', async (path: string) => writeFile(path, 'precious')],
  ])('leaves %s alone', async (_, make) => {
    const folder = await temporaryFolder();
    const path = join(folder, 'there');
    await make(path);
    const before = await readdir(folder, { recursive: true });
    await expect(writeBundle(path, sampleBundle())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(path),
      hint: expect.stringContaining('does not exist yet'),
    });
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  it('leaves the old bundle and no temporary files when it fails half way', async () => {
    const folder = await temporaryFolder();
    const bundle = await writeBundle(join(folder, 'bundle'), sampleBundle());
    await expect(writeBundle(bundle.directory, { ...sampleBundle(), deviceStages: 9 })).rejects.toThrow(
      'deviceStages',
    );
    expect(await readdir(folder)).toEqual(['bundle']);
    expect(await bundle.readStages()).toHaveLength(3);
  });

  it('replaces nothing where the check of the new bundle fails', async () => {
    const folder = await temporaryFolder();
    const bundle = await writeBundle(join(folder, 'bundle'), sampleBundle());
    const attempt = writeBundle(
      bundle.directory,
      { ...sampleBundle(), name: 'other' },
      {
        check: async ({ manifest }) => {
          throw new Error(`${manifest.name} is no good`);
        },
      },
    );
    await expect(attempt).rejects.toThrow('other is no good');
    expect(await readdir(folder)).toEqual(['bundle']);
    expect((await Bundle.open(bundle.directory)).digest).toBe(bundle.digest);
  });

  it('reports that the system refuses to write', async () => {
    // A name as long as the system takes leaves no room for the staging folder's.
    const directory = join(await temporaryFolder(), 'b'.repeat(255));
    await expect(writeBundle(directory, sampleBundle())).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('ENAMETOOLONG'),
    });
  });

  it('refuses a folder inside a file', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, 'precious');
    await expect(writeBundle(join(file, 'a', 'bundle'), sampleBundle())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('lies in a file'),
    });
  });
});

async function write(folder: string, file: string, text = ''): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, file), text);
}
