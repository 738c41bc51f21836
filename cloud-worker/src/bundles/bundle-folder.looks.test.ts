import { cp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bundle } from '@offramp/bundle';
import { createLogger } from '@offramp/runtime';
import { ManualClock, makeFifo, temporaryFolder } from '@offramp/runtime/testing';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { bundlePath } from '../worker.test.kit.js';
import { BundleFolder } from './bundle-folder.js';
import type { BundleRegistry } from './bundle-registry.js';

const scanMs = 2_000;
let directory: string;
let clock: ManualClock;
/** What is served, in place of a registry: bundles whose stages have been read and not run. */
let served: Set<string>;
/** Bundles that were loaded, successfully or not. */
let loads: number;

beforeEach(async () => {
  directory = await temporaryFolder();
  clock = new ManualClock();
  served = new Set();
  loads = 0;
});

async function follow(): Promise<void> {
  const registry: Pick<BundleRegistry, 'add' | 'remove'> & { get(digest: string): unknown } = {
    get: (digest) => (served.has(digest) ? {} : undefined),
    async add(bundle) {
      loads++;
      await bundle.readStages();
      served.add(bundle.digest);
    },
    async remove(digest) {
      served.delete(digest);
    },
  };
  const logger = createLogger('test', 'silent');
  const folder = new BundleFolder(directory, registry as BundleRegistry, scanMs, clock, logger);
  onTestFinished(() => folder.stop());
  await folder.start();
}

/** Lets time pass until a look has ended. */
async function look(): Promise<void> {
  clock.advance(scanMs);
  // The next look is set when one has ended.
  await vi.waitFor(() => expect(clock.pending).toBe(1));
}

/** Writes the example, with a name of its own, where nothing is or another bundle. */
async function put(folder: string, name: string): Promise<Bundle> {
  const path = join(directory, folder);
  await rm(path, { recursive: true, force: true });
  await cp(bundlePath, path, { recursive: true });
  const { manifest } = await Bundle.open(path);
  await writeFile(join(path, 'manifest.json'), JSON.stringify({ ...manifest, name }));
  return Bundle.open(path);
}

const within = (...names: string[]) => join(directory, ...names);
const lastStage = ({ manifest, directory: path }: Bundle) =>
  join(path, manifest.stages.at(-1)?.model.path ?? '');

test('a bundle is served until a whole other one lies in its place, whatever is there meanwhile', async () => {
  const old = await put('current', 'old');
  await follow();
  const oldOnly = new Set([old.digest]);
  expect(served).toEqual(oldOnly);

  const manifest = within('current', 'manifest.json');
  const text = await readFile(manifest, 'utf8');
  for (const bad of [text.slice(0, 100), '', '{"format": "offramp-bundle"}']) {
    await writeFile(manifest, bad);
    await look();
    expect(served).toEqual(oldOnly);
  }
  await rm(manifest);
  await look();
  await makeFifo(manifest);
  await look();
  expect(served).toEqual(oldOnly);

  const next = await put('current', 'next');
  const whole = await readFile(lastStage(next));
  await truncate(lastStage(next), 1_000);
  await look();
  await rm(lastStage(next));
  await look();
  expect(served).toEqual(oldOnly);

  await writeFile(lastStage(next), whole);
  await look();
  expect(served).toEqual(new Set([next.digest]));
});

test('a bundle that is missing at one look is served on; at two, no longer', async () => {
  const { digest } = await put('current', 'one');
  await follow();
  await rename(within('current'), within('.aside'));
  await look();
  expect(served).toEqual(new Set([digest]));
  await rename(within('.aside'), within('current'));
  await look();
  await rename(within('current'), within('.aside'));
  await look();
  expect(served).toEqual(new Set([digest]));
  await look();
  expect(served).toEqual(new Set());
  expect(loads).toBe(1);
});

test('a bundle in two places is served until it is in neither', async () => {
  const { digest } = await put('a', 'same');
  await put('b', 'same');
  await follow();
  expect(loads).toBe(1);
  await put('a', 'other');
  await look();
  expect(served.size).toBe(2);
  await put('b', 'other');
  await look();
  expect([...served]).not.toContain(digest);
  expect(served.size).toBe(1);
});

test('a bundle that cannot be loaded is loaded again at once when a file has changed, else ever less often', async () => {
  const bundle = await put('broken', 'broken');
  const whole = await readFile(lastStage(bundle));
  await writeFile(lastStage(bundle), Buffer.alloc(whole.length));
  await follow();
  for (let i = 0; i < 30; i++) await look();
  // At the first look, then after 4, 8, 16 and 32 s.
  expect(loads).toBe(5);
  await writeFile(lastStage(bundle), whole);
  await look();
  expect(served).toEqual(new Set([bundle.digest]));
});
