import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bundle } from '@offramp/bundle';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { main } from '../main.js';
import { captureOutput } from '../testing/captured-output.js';

const example = fileURLToPath(new URL('../../../examples/fashion-mnist', import.meta.url));
const data = ['--data', join(example, 'data')];

const output = captureOutput();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-calibrate-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

it('offramp calibrate records a codec and packings for every boundary, and prints their savings', async () => {
  const directory = join(folder, 'bundle');
  await cp(join(example, 'bundle'), directory, { recursive: true });
  await main(['calibrate', directory, ...data, '--limit', '60', '--threads', '1']);
  const { manifest, digest, branches } = await Bundle.open(directory);
  expect(manifest.stages.filter(({ codec }) => codec)).toHaveLength(branches);
  expect(output.out).toMatch(
    /^stages on device +activation +encoding +step +bytes +of float32 +agreement +lost/,
  );
  expect(output.out.match(/\+deflate/g)).toHaveLength(branches);
  for (const { pictures } of manifest.stages)
    expect(pictures?.map(({ form }) => form)).toContain('webp-lossless');
  expect(output.out).toMatch(/\nstages on device +picture as +quality +bytes +agreement +lost\n/);
  expect(output.out).toMatch(/\n +none +(uint8\+deflate|webp|jpeg)/);
  expect(output.out).toContain(' (default)');
  expect(output.out).toContain(digest.slice(0, 12));
  expect(output.err).toContain('choosing codecs: 60 of 60');
  expect(output.err).toContain('packing pictures: 360 of 360');
});

it.each([
  [['--hold-out', '20000'], 2, '--hold-out: expected'],
  [['--allowed-loss', '2'], 2, '--allowed-loss'],
])('offramp calibrate %j is refused with a message', async (flags, status, message) => {
  await main(['calibrate', join(example, 'bundle'), ...data, ...flags]);
  expect(process.exitCode).toBe(status);
  expect(output.err).toMatch(new RegExp(message));
});
