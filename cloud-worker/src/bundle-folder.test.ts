import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { Bundle, neverExit, type ResumeRequest } from '@offramp/shared';
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
} from './worker.test.kit.js';

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

/** The example under another name, and so with another digest; it appears in the folder whole. */
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

const request = (sampleId: number, bundle: Bundle): ResumeRequest => ({
  sampleId,
  bundleDigest: bundle.digestBytes,
  stage: 0,
  tensor: sample.inputs[0] ?? null,
  thresholds: neverExit(bundle.branches),
});

const startFolderWorker = (options: Parameters<typeof startTestWorker>[0] = {}) =>
  startTestWorker({ bundle: [], bundleFolder: folder, bundleScanMs: 20, ...options });

/** Asks until the answer is as wanted. */
async function untilAnswered(stream: TestStream, bundle: Bundle, known: boolean): Promise<void> {
  for (let id = 1; ; id++) {
    const { answer, refusal } = await stream.ask(request(id, bundle));
    if (known ? answer : refusal?.code === status.NOT_FOUND) return;
    expect(known ? refusal?.code : answer?.label).toBeDefined();
  }
}

test('bundles that are there are served, and those that come', async () => {
  folder = await temporaryFolder();
  const first = await putBundle('first');
  const client = connect(await startFolderWorker());
  const stream = new TestStream(client);
  expect((await stream.ask(request(1, first))).answer).toBeTruthy();
  const second = await putBundle('second');
  await untilAnswered(new TestStream(client), second, true);
  expect((await stream.ask(request(2, first))).answer).toBeTruthy();
});

test('a bundle that goes is unknown from then on, and what it has in flight is answered', async () => {
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

test('one that is replaced makes room for the new one', async () => {
  folder = await temporaryFolder();
  const old = await putBundle('current');
  const client = connect(await startFolderWorker());
  expect((await new TestStream(client).ask(request(1, old))).answer).toBeTruthy();
  await rm(old.directory, { recursive: true });
  const other = await putBundle('current-2');
  await untilAnswered(new TestStream(client), other, true);
  await untilAnswered(new TestStream(client), old, false);
});

test('what is no bundle, or a broken one, disturbs nobody, and is served once it is whole', async () => {
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

test('bundles that are given stay, whatever the folder holds', async () => {
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

test('a folder that is not there, and no bundle at all, are errors', async () => {
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
