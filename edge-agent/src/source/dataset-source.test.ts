import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bundle } from '@offramp/bundle';
import { createLogger, systemClock } from '@offramp/runtime';
import sharp from 'sharp';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { IncomingSample } from '../pipeline/pipeline.js';
import { type Slot, Slots } from '../slots.js';
import { exampleBundleDirectory } from '../testing/example.js';
import { DatasetSource } from './dataset-source.js';

let bundle: Bundle;
let png: Buffer;
beforeAll(async () => {
  bundle = await Bundle.open(exampleBundleDirectory);
  png = await sharp({ create: { width: 40, height: 20, channels: 3, background: '#888' } })
    .png()
    .toBuffer();
});
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-source-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function add(path: string, bytes = png) {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), bytes);
}

const everything = { offset: 0, step: 1, limit: 0, loop: false };

function open(selection = everything) {
  const options = { path: folder, split: 'test' as const, selection, ratePerSecond: 0 };
  return DatasetSource.open(bundle, options, systemClock, createLogger('test', 'silent'));
}

async function collect(source: DatasetSource): Promise<IncomingSample[]> {
  const samples: IncomingSample[] = [];
  await source.run(new Slots(2), (sample, slot) => {
    samples.push(sample);
    slot.release();
  });
  return samples;
}

test("folders named like the bundle's labels give true labels, by name", async () => {
  const { labels } = bundle.manifest;
  const named = [...labels.keys()].filter((index) => /^[\w ]+$/.test(labels[index] as string)).slice(-2);
  for (const index of named) await add(`${labels[index]}/a.png`);
  const samples = await collect(await open());
  expect(samples.map(({ trueLabelIndex }) => trueLabelIndex).sort()).toEqual(named.sort());
});

test('folders with other names are classified without labels', async () => {
  await add('monday/a.png');
  await add('tuesday/a.png');
  const samples = await collect(await open());
  expect(samples.map(({ trueLabelIndex }) => trueLabelIndex)).toEqual([null, null]);
});

test('pictures of any size become inputs of the model, with their path as name', async () => {
  await add('a.png');
  const [sample] = await collect(await open());
  expect(sample?.name).toBe('a.png');
  expect((await sample?.load())?.input).toHaveLength(bundle.manifest.input.shape.reduce((a, b) => a * b));
});

test('a picture that cannot be read fails alone', async () => {
  await add('a.png', Buffer.from('no picture'));
  await add('b.png');
  const [bad, good] = await collect(await open());
  expect([bad?.name, good?.name]).toEqual(['a.png', 'b.png']);
  await expect(bad?.load()).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
  await expect(good?.load()).resolves.toMatchObject({ input: expect.any(Float32Array) });
});

test('a source waits for places, and ends when stopped', async () => {
  for (const name of ['a', 'b', 'c']) await add(`${name}.png`);
  const source = await open({ ...everything, loop: true });
  const slots = new Slots(2);
  const held: Slot[] = [];
  const running = source.run(slots, (_, slot) => held.push(slot));
  await new Promise((resolve) => setImmediate(resolve));
  expect(held.length).toBe(2);
  held[0]?.release();
  await new Promise((resolve) => setImmediate(resolve));
  expect(held.length).toBe(3);
  source.stop();
  slots.close();
  await running;
  expect(held.length).toBe(3);
});
