import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { Bundle } from '@offramp/bundle';
import { neverExit, type ResumeRequestInit } from '@offramp/contracts';
import { makeFifo } from '@offramp/runtime/testing';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import {
  bundlePath,
  connect,
  forEverMs,
  openExampleBundle,
  type ReferenceSample,
  referenceSamples,
  startTestWorker,
  TestStream,
  until,
} from '../worker.test.kit.js';

let sample: ReferenceSample;
let folder: string;

beforeAll(async () => {
  [sample] = (await referenceSamples(await openExampleBundle(), 1)) as [ReferenceSample];
});

async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'offramp-bundles-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** The example under another name, so with another digest. It appears in the folder atomically. */
async function putBundle(name: string): Promise<Bundle> {
  const beside = await temporaryFolder();
  await cp(bundlePath, join(beside, name), { recursive: true });
  const path = join(beside, name, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Bundle['manifest'];
  await writeFile(path, JSON.stringify({ ...manifest, name }));
  await cp(join(beside, name), join(folder, `${name}.partial-1`), { recursive: true });
  await rename(join(folder, `${name}.partial-1`), join(folder, name));
  return Bundle.open(join(folder, name));
}

const request = (sampleId: number, bundle: Bundle): ResumeRequestInit => ({
  sampleId,
  bundleDigest: bundle.digestBytes,
  stage: 0,
  tensor: sample.inputs[0] ?? null,
  thresholds: neverExit(bundle.branches),
});

const startFolderWorker = (options: Parameters<typeof startTestWorker>[0] = {}) =>
  startTestWorker({ bundle: [], bundleFolder: folder, bundleScanMs: 20, ...options });

/** Asks until the bundle is known, or unknown. */
async function untilAnswered(stream: TestStream, bundle: Bundle, known: boolean): Promise<void> {
  for (let id = 1; ; id++) {
    const { answer, refusal } = await stream.ask(request(id, bundle));
    if (known ? answer : refusal?.code === status.NOT_FOUND) return;
    expect(known ? refusal?.code : answer?.label).toBeDefined();
  }
}

test('existing and new bundles are served', async () => {
  folder = await temporaryFolder();
  const first = await putBundle('first');
  const client = connect(await startFolderWorker());
  const stream = new TestStream(client);
  expect((await stream.ask(request(1, first))).answer).toBeTruthy();
  const second = await putBundle('second');
  await untilAnswered(new TestStream(client), second, true);
  expect((await stream.ask(request(2, first))).answer).toBeTruthy();
});

test('a removed bundle becomes unknown, and its samples in flight are answered', async () => {
  folder = await temporaryFolder();
  const going = await putBundle('going');
  const worker = await startFolderWorker({ maxBatch: 1_000, maxWaitMs: forEverMs });
  const client = connect(worker);
  const stream = new TestStream(client);
  stream.send(request(1, going));
  await until('the sample is in', () => worker.stats.counts().inFlight === 1);
  await rm(going.directory, { recursive: true });
  expect((await stream.response(1)).answer).toBeTruthy();
  expect((await stream.ask(request(2, going))).refusal?.code).toBe(status.NOT_FOUND);
});

test('a replaced bundle is unloaded for the new one', async () => {
  folder = await temporaryFolder();
  const old = await putBundle('current');
  const client = connect(await startFolderWorker());
  expect((await new TestStream(client).ask(request(1, old))).answer).toBeTruthy();
  await rm(old.directory, { recursive: true });
  const other = await putBundle('current-2');
  await untilAnswered(new TestStream(client), other, true);
  await untilAnswered(new TestStream(client), old, false);
});

test('other folders and broken bundles do no harm, and a bundle is served once it is complete', async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder, 'something-else'));
  const broken = await putBundle('broken');
  const model = join(broken.directory, broken.manifest.stages[0]?.model.path ?? '');
  const bytes = await readFile(model);
  await writeFile(model, bytes.subarray(0, 100));
  const good = await putBundle('good');
  const client = connect(await startFolderWorker());
  expect((await new TestStream(client).ask(request(1, good))).answer).toBeTruthy();
  expect((await new TestStream(client).ask(request(1, broken))).refusal?.code).toBe(status.NOT_FOUND);
  await writeFile(model, bytes);
  await untilAnswered(new TestStream(client), broken, true);
});

test('a manifest or stage that never ends delays neither the other bundles nor a stop', async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder, 'fifo'));
  await makeFifo(join(folder, 'fifo/manifest.json'));
  await mkdir(join(folder, 'endless'));
  await symlink('/dev/zero', join(folder, 'endless/manifest.json'));
  const cut = await putBundle('fifo-stage');
  const stage = join(cut.directory, cut.manifest.stages[1]?.model.path ?? '');
  await rm(stage);
  await makeFifo(stage);
  const good = await putBundle('good');
  const worker = await startFolderWorker();
  expect((await new TestStream(connect(worker)).ask(request(1, good))).answer).toBeTruthy();
  await worker.stop();
});

test('bundles given by --bundle stay, regardless of the folder', async () => {
  folder = await temporaryFolder();
  const given = await openExampleBundle();
  const worker = await startFolderWorker({ bundle: [bundlePath] });
  const passing = await putBundle('passing');
  const client = connect(worker);
  await untilAnswered(new TestStream(client), passing, true);
  await rm(passing.directory, { recursive: true });
  await untilAnswered(new TestStream(client), passing, false);
  expect((await new TestStream(client).ask(request(1, given))).answer).toBeTruthy();
});

test('a missing folder, and no bundle at all, are errors', async () => {
  folder = await temporaryFolder();
  await expect(startFolderWorker({ bundleFolder: join(folder, 'none') })).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringContaining(join(folder, 'none')),
  });
  await expect(startTestWorker({ bundle: [] })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('expected at least one bundle folder'),
  });
});
