import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bundle } from '@offramp/bundle';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { main } from '../main.js';

const example = fileURLToPath(new URL('../../../examples/fashion-mnist', import.meta.url));
const data = ['--data', join(example, 'data')];

let folder: string;
let out: string;
let err: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-calibrate-'));
  out = '';
  err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  process.exitCode = 0;
  await rm(folder, { recursive: true });
});

it('offramp calibrate records a codec for every boundary, and prints its savings', async () => {
  const directory = join(folder, 'bundle');
  await cp(join(example, 'bundle'), directory, { recursive: true });
  await main(['calibrate', directory, ...data, '--limit', '60', '--threads', '1']);
  const { manifest, digest, branches } = await Bundle.open(directory);
  expect(manifest.stages.filter(({ codec }) => codec)).toHaveLength(branches);
  expect(out).toMatch(/^stages on device +activation +encoding +step +bytes +of float32 +agreement +lost/);
  expect(out.match(/\+deflate/g)).toHaveLength(branches);
  expect(out).toContain(' (default)');
  expect(out).toContain(digest.slice(0, 12));
  expect(err).toContain('choosing codecs: 60 of 60');
});

it.each([
  [['--hold-out', '20000'], 2, '--hold-out: expected'],
  [['--allowed-loss', '2'], 2, '--allowed-loss'],
])('offramp calibrate %j is refused with a message', async (flags, status, message) => {
  await main(['calibrate', join(example, 'bundle'), ...data, ...flags]);
  expect(process.exitCode).toBe(status);
  expect(err).toMatch(new RegExp(message));
});
