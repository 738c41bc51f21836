import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bundle } from '@offramp/bundle';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  agentArguments,
  answersOf,
  expectError,
  expectNoStack,
  offramp,
  runHere,
  workerArguments,
} from '../support/command-line.js';
import { backbonePath, bundlePath, picturesPath, temporaryFolder } from '../support/example.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const within = (...names: string[]) => join(folder.path, ...names);

beforeAll(async () => {
  folder = await temporaryFolder();
});

afterAll(() => folder.remove());

describe('a wrong model file', () => {
  beforeAll(async () => {
    await writeFile(within('text.onnx'), 'this is no model\n');
    await writeFile(within('picture.onnx'), await picture(1));
    await writeFile(within('empty.onnx'), '');
    await cp(backbonePath, within('truncated.onnx'));
    await truncate(within('truncated.onnx'), 1_000_000);
  });

  it.each([
    ['missing.onnx', 'FILE_NOT_FOUND', 'does not exist'],
    ['text.onnx', 'MODEL_INVALID', 'text.onnx'],
    ['picture.onnx', 'MODEL_INVALID', 'picture.onnx'],
    ['empty.onnx', 'MODEL_INVALID', 'empty.onnx'],
    ['truncated.onnx', 'MODEL_INVALID', 'truncated.onnx'],
  ])('%s: inspect and augment say %s, and write nothing', async (file, code, message) => {
    const data = ['--data', picturesPath, '--mean', '0', '--std', '1', '--out', within('out')];
    const [inspected, augmented] = await Promise.all([
      runHere('inspect', within(file)),
      runHere('augment', within(file), ...data),
    ]);
    expectError(inspected, code, message);
    expectError(augmented, code, message);
    expect(await readdir(folder.path)).not.toContain('out');
  });
});

describe('a broken bundle', () => {
  const starts = [
    ['agent', (bundle: string) => agentArguments(bundle, '--source', picturesPath, '--limit', '1')],
    ['worker', (bundle: string) => workerArguments(bundle)],
    ['evaluate', (bundle: string) => ['evaluate', bundle, '--data', picturesPath, '--limit', '1']],
  ] as const;

  it.each(starts)('%s refuses a stage that is truncated, changed or missing', async (_, args) => {
    const { manifest } = await Bundle.open(bundlePath);
    const stage = manifest.stages[0]?.model;
    const path = stage?.path ?? '';
    const whole = await readFile(join(bundlePath, path));
    const changed = Buffer.from(whole);
    changed[1_000] = (changed[1_000] ?? 0) ^ 1;
    for (const [name, bytes, message] of [
      ['truncated', whole.subarray(0, -1), `expected ${whole.length} bytes, found ${whole.length - 1}`],
      ['changed', changed, `expected SHA-256 ${stage?.sha256}, found `],
      ['missing', null, 'is missing'],
    ] as const) {
      const bundle = within(`${args('')[0]}-${name}`);
      await cp(bundlePath, bundle, { recursive: true });
      if (bytes) await writeFile(join(bundle, path), bytes);
      else await rm(join(bundle, path));
      const ended = await runHere(...args(bundle));
      expectError(ended, 'BUNDLE_CORRUPT', message);
      expect(ended.stderr).toContain(join(bundle, path));
    }
  });

  it('the worker refuses a change in the last stage, too', async () => {
    const { manifest } = await Bundle.open(bundlePath);
    const bundle = within('last-stage');
    await cp(bundlePath, bundle, { recursive: true });
    const path = join(bundle, manifest.stages.at(-1)?.model.path ?? '');
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 0x80;
    await writeFile(path, bytes);
    expectError(await runHere(...workerArguments(bundle)), 'BUNDLE_CORRUPT', 'expected SHA-256');
  });

  it.each(starts)('%s refuses a folder without a manifest, and a broken manifest', async (_, args) => {
    const bundle = within(`${args('')[0]}-manifest`);
    await cp(bundlePath, bundle, { recursive: true });
    await rm(join(bundle, 'manifest.json'));
    expectError(await runHere(...args(bundle)), 'FILE_NOT_FOUND', 'no bundle in');
    await writeFile(join(bundle, 'manifest.json'), '{"format": "offramp-bundle"');
    expectError(await runHere(...args(bundle)), 'BUNDLE_INVALID', 'is not JSON');
  });
});

describe('wrong data', () => {
  beforeAll(async () => {
    await mkdir(within('empty'));
    await mkdir(within('cut'));
    const pictures = await readFile(join(picturesPath, 't10k-images-idx3-ubyte.gz'));
    await writeFile(within('cut', 't10k-images-idx3-ubyte.gz'), pictures.subarray(0, 100_000));
    await writeFile(within('notes.txt'), 'no data');
  });

  const uses = [
    ['agent', (data: string) => agentArguments(bundlePath, '--source', data)],
    ['evaluate', (data: string) => ['evaluate', bundlePath, '--data', data]],
    [
      'augment',
      (data: string) => [
        ...['augment', backbonePath, '--data', data, '--mean', '0', '--std', '1', '--out', within('out')],
      ],
    ],
  ] as const;

  it.each(uses)('%s says what it expected', async (_, args) => {
    expectError(await runHere(...args(within('nowhere'))), 'DATA_NOT_FOUND', 'does not exist');
    expectError(await runHere(...args(within('empty'))), 'DATA_NOT_FOUND', 'no pictures in');
    expectError(
      await runHere(...args(within('cut')), '--split', 'test'),
      'DATA_INVALID',
      'is not valid gzip',
    );
    expectError(await runHere(...args(within('cut')), '--split', 'train'), 'DATA_NOT_FOUND', 'for train in');
    expectError(await runHere(...args(within('notes.txt'))), 'DATA_INVALID', 'expected an IDX file');
  });

  it('one broken picture among good ones gets an error; all others are answered', async () => {
    const source = within('pictures');
    await mkdir(source);
    for (const name of ['a', 'b', 'd', 'e']) await writeFile(join(source, `${name}.png`), await picture(7));
    await writeFile(join(source, 'c.png'), (await picture(9)).subarray(0, 60));
    const ended = await offramp(...agentArguments(bundlePath, '--source', source));
    expect(ended.status).toBe(0);
    const answers = answersOf(ended).sort((a, b) => (a.sample < b.sample ? -1 : 1));
    expect(answers.map(({ error, label }) => error?.code ?? typeof label)).toEqual([
      ...['string', 'string', 'IMAGE_INVALID', 'string', 'string'],
    ]);
    expect(answers[2]?.error?.message).toContain(join(source, 'c.png'));
    expectNoStack(ended);
  });
});

/** A PNG of 28×28 pixels that differ. */
function picture(seed: number): Promise<Buffer> {
  const pixels = Uint8Array.from({ length: 28 * 28 }, (_, i) => (i * i * seed) % 256);
  return sharp(pixels, { raw: { height: 28, width: 28, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}
