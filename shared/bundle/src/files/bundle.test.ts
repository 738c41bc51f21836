import { appendFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '@offramp/runtime';
import { temporaryFolder } from '@offramp/runtime/testing';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../manifest/manifest.js';
import { sampleBundle } from '../testing/sample-bundle.js';
import { Bundle } from './bundle.js';
import { writeBundle } from './write-bundle.js';

async function writtenBundle(): Promise<Bundle> {
  return writeBundle(join(await temporaryFolder(), 'bundle'), sampleBundle());
}

/** Changes a bundle's manifest, and opens it again. */
async function withManifest(bundle: Bundle, change: (manifest: Manifest) => unknown): Promise<Bundle> {
  const path = join(bundle.directory, 'manifest.json');
  const manifest = structuredClone(bundle.manifest);
  change(manifest);
  await writeFile(path, JSON.stringify(manifest));
  return Bundle.open(bundle.directory);
}

const stageFile = (bundle: Bundle, stage: number) => join(bundle.directory, 'stages', `${stage}.onnx`);

describe('Bundle', () => {
  it('is identified by the digest of its manifest', async () => {
    const bundle = await writtenBundle();
    const opened = await Bundle.open(bundle.directory);
    expect(opened.digest).toBe(sha256Hex(await readFile(join(bundle.directory, 'manifest.json'))));
    expect(Buffer.from(opened.digestBytes).toString('hex')).toBe(opened.digest);
    expect(opened.branches).toBe(2);
  });

  it('reads the stages asked for, and the calibration table', async () => {
    const bundle = await writtenBundle();
    const texts = (await bundle.readStages(1)).map((model) => Buffer.from(model).toString());
    expect(texts).toEqual(['stage 1', 'stage 2']);
    expect((await bundle.readStages(0, 1)).map(String)).toEqual([String(Buffer.from('stage 0'))]);
    expect(await bundle.readCalibration()).toEqual(sampleBundle().calibration);
  });

  it.each([
    ['truncated', (path: string) => truncate(path, 3), 'expected 7 bytes, found 3'],
    ['longer', (path: string) => appendFile(path, '!'), 'expected 7 bytes, found 8'],
    ['changed', (path: string) => writeFile(path, 'stage 9'), `found ${sha256Hex(Buffer.from('stage 9'))}`],
    ['missing', (path: string) => rm(path), 'is missing'],
    ['a folder', async (path: string) => rm(path).then(() => mkdir(path)), 'found a folder'],
  ])('refuses a stage that is %s, and reads the others', async (_, spoil, message) => {
    const bundle = await writtenBundle();
    await spoil(stageFile(bundle, 1));
    await expect(bundle.readStages()).rejects.toMatchObject({
      code: 'BUNDLE_CORRUPT',
      message: expect.stringContaining(message),
      hint: expect.stringContaining('Copy the complete bundle again'),
    });
    await expect(bundle.readStages(1)).rejects.toThrow(stageFile(bundle, 1));
    expect(await bundle.readStages(0, 1)).toHaveLength(1);
  });

  it('refuses a calibration table that was changed', async () => {
    const bundle = await writtenBundle();
    const path = join(bundle.directory, 'calibration.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('0.9', '0.8'));
    await expect(bundle.readCalibration()).rejects.toMatchObject({ code: 'BUNDLE_CORRUPT' });
  });

  it.each([
    ['branches', (table: { branches: unknown[] }) => table.branches.pop()],
    ['samples', (table: { samples: number }) => (table.samples = 4)],
  ])('refuses a calibration table of other %s than the manifest', async (_, change) => {
    const bundle = await writtenBundle();
    const table = { ...sampleBundle().calibration, correct: null };
    change(table);
    const confidence = new Array(table.samples).fill(0.5);
    table.branches = table.branches.map(() => ({ confidence, agrees: '1'.repeat(table.samples) }));
    const text = Buffer.from(JSON.stringify(table));
    await writeFile(join(bundle.directory, 'calibration.json'), text);
    const changed = await withManifest(bundle, ({ calibration }) => {
      Object.assign(calibration.table, { bytes: text.length, sha256: sha256Hex(text) });
    });
    await expect(changed.readCalibration()).rejects.toMatchObject({
      code: 'BUNDLE_INVALID',
      message: expect.stringMatching(/expected 2 branches and 3 samples.*found/),
    });
  });

  it.each([
    '../outside.onnx',
    'stages/../../outside.onnx',
    '/etc/passwd',
    './stages/0.onnx',
    '..',
    'stages//0.onnx',
    'stages/..',
    'stages\\..\\..\\outside.onnx',
    'stages/0.onnx\n',
    '',
  ])('refuses a manifest that names the file %j', async (path) => {
    const bundle = await writtenBundle();
    await expect(
      withManifest(bundle, ({ stages }) => stages[0] && Object.assign(stages[0].model, { path })),
    ).rejects.toMatchObject({
      code: 'BUNDLE_INVALID',
      message: expect.stringContaining('stages.0.model.path: expected a relative path below the bundle'),
    });
  });

  it('accepts names with dots that stay inside the bundle', async () => {
    const bundle = await writtenBundle();
    const changed = await withManifest(
      bundle,
      ({ stages }) => stages[0] && Object.assign(stages[0].model, { path: 'stages/v1..2/..0.onnx' }),
    );
    await expect(changed.readStages()).rejects.toMatchObject({ code: 'BUNDLE_CORRUPT' });
  });

  it('refuses a manifest that is too large before it reads it', async () => {
    const bundle = await writtenBundle();
    await truncate(join(bundle.directory, 'manifest.json'), 16 * 2 ** 20 + 1);
    await expect(Bundle.open(bundle.directory)).rejects.toMatchObject({
      code: 'BUNDLE_INVALID',
      message: expect.stringContaining('expected at most 16777216 bytes, found 16777217'),
    });
  });

  it('reports that there is no bundle, and says what one is', async () => {
    const folder = await temporaryFolder();
    const expected = {
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining(`no bundle in `),
      hint: expect.stringContaining('offramp augment'),
    };
    await expect(Bundle.open(folder)).rejects.toMatchObject(expected);
    await expect(Bundle.open(join(folder, 'nowhere'))).rejects.toMatchObject(expected);
    await writeFile(join(folder, 'file'), '');
    await expect(Bundle.open(join(folder, 'file'))).rejects.toMatchObject(expected);
  });

  it('refuses a manifest that cannot be read', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'manifest.json'));
    await expect(Bundle.open(folder)).rejects.toMatchObject({ code: 'BUNDLE_INVALID' });
  });
});
