import { join } from 'node:path';
import type { Bundle, PictureInput } from '@offramp/bundle';
import { Encoding, neverExit } from '@offramp/contracts';
import { type Packing, pixelsOfInput } from '@offramp/data';
import { temporaryFolder } from '@offramp/runtime/testing';
import sharp from 'sharp';
import { afterEach, expect, test } from 'vitest';
import type { AgentConfig } from './config.js';
import { bundleWithCodec, exampleInputs, type Reference, referenceAnswers } from './testing/example.js';
import {
  type CascadeResponder,
  cascadeResponder,
  type ScriptedWorker,
  startScriptedWorker,
} from './testing/scripted-worker.js';
import { idsOf, numbersTo, startTestAgent } from './testing/test-agent.js';

const count = 40;
const deviceStages = 1;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function workerFor(bundle: Bundle) {
  const cascade: CascadeResponder = await cascadeResponder(bundle);
  const worker = await startScriptedWorker(cascade.respond);
  cleanUps.push(
    () => worker.stop(),
    () => cascade.close(),
  );
  return worker;
}

const run = (bundle: Bundle, cloud: string, sendInput = false, more: Partial<AgentConfig> = {}) =>
  startTestAgent({
    bundle: bundle.directory,
    cloud,
    deviceStages,
    limit: count,
    sendInput,
    offloadTimeoutMs: 60_000,
    ...more,
  });

const encodingsOf = (worker: ScriptedWorker) => [
  ...new Set(worker.requests.map(({ tensor }) => tensor?.encoding)),
];

const hardOnes = (reference: Reference[]) =>
  reference.filter(({ outcome }) => outcome.exit >= deviceStages).length;

test("activations are sent with the bundle's codec, and the status counts their bytes", async () => {
  const bundle = await bundleWithCodec({ encoding: 'int8+deflate' });
  const reference = await referenceAnswers(bundle, bundle.manifest.policy.thresholds, count);
  const worker = await workerFor(bundle);
  const agent = await run(bundle, worker.address);
  await agent.done;
  expect(idsOf(agent.answers)).toEqual(numbersTo(count));
  const used = new Set(worker.requests.map(({ tensor }) => tensor?.encoding));
  expect([...used]).toEqual([Encoding.ENCODING_INT8_DEFLATE]);
  const bytes = worker.requests.reduce((sum, { tensor }) => sum + (tensor?.data?.length ?? 0), 0);
  expect(agent.status().totals).toMatchObject({
    offloadBytes: bytes,
    encodings: { 'int8+deflate': { samples: hardOnes(reference), bytes } },
  });
  const same = agent.answers.filter(
    ({ sample, labelIndex }) => reference[Number(sample.split(':')[1])]?.outcome.label === labelIndex,
  );
  // 8 bits lose almost nothing, but a sample may be close to a threshold.
  expect(same.length).toBeGreaterThanOrEqual(count - 1);
});

test.each([
  ['announces no encodings', null, Encoding.ENCODING_FLOAT32],
  ['accepts no deflate', '1,2,3,4', Encoding.ENCODING_INT4],
  ['accepts only finer encodings', '1,2,99', Encoding.ENCODING_FLOAT16],
])('a worker that %s gets the best encoding that it accepts', async (_, encodings, expected) => {
  const bundle = await bundleWithCodec({ encoding: 'int4+deflate', step: 0.5 });
  const worker = await workerFor(bundle);
  worker.encodings = encodings;
  const agent = await run(bundle, worker.address);
  await agent.done;
  expect(agent.answers.filter(({ degraded }) => degraded)).toEqual([]);
  expect(worker.requests.length).toBeGreaterThan(0);
  expect([...new Set(worker.requests.map(({ tensor }) => tensor?.encoding))]).toEqual([expected]);
});

test('the input is sent instead if that is allowed and smaller, and the sample does not exit where it has passed', async () => {
  const bundle = await bundleWithCodec({ encoding: 'int8+deflate' });
  const { thresholds } = bundle.manifest.policy;
  const reference = await referenceAnswers(bundle, thresholds, count);
  const worker = await workerFor(bundle);
  const agent = await run(bundle, worker.address, true);
  await agent.done;
  expect(worker.requests).toHaveLength(hardOnes(reference));
  for (const request of worker.requests) {
    expect(request.stage ?? 0).toBe(0);
    expect([Encoding.ENCODING_UINT8, Encoding.ENCODING_UINT8_DEFLATE]).toContain(request.tensor?.encoding);
    expect(request.thresholds).toEqual([
      ...neverExit(deviceStages),
      ...thresholds.slice(deviceStages).map(Math.fround),
    ]);
  }
  for (const answer of agent.answers) {
    // The encoding is lossless, so answers are equal.
    const expected = reference[Number(answer.sample.split(':')[1])]?.outcome;
    expect(answer).toMatchObject({ exit: expected?.exit, labelIndex: expected?.label, degraded: false });
    expect(answer.confidence).toBeCloseTo(expected?.confidence ?? 0, 5);
  }
  const { encodings } = agent.status().totals;
  const inputs = Object.entries(encodings).filter(([name]) => name.startsWith('uint8'));
  expect(inputs.reduce((sum, [, { samples }]) => sum + samples, 0)).toBe(hardOnes(reference));
});

test('a worker that accepts no 8-bit samples gets activations', async () => {
  const bundle = await bundleWithCodec({ encoding: 'int8' });
  const worker = await workerFor(bundle);
  worker.encodings = '1,3';
  const agent = await run(bundle, worker.address, true);
  await agent.done;
  const stages = new Set(worker.requests.map(({ stage }) => stage));
  expect([...stages]).toEqual([deviceStages]);
});

const packed = (...packings: Packing[]) => bundleWithCodec({ encoding: 'int8', meanBytes: 5_000 }, packings);
const webp: Packing = { form: 'webp', quality: 90 };
const lossless: Packing = { form: 'webp-lossless' };

test.each([
  ['first packing', null, 'bundle', Encoding.ENCODING_JPEG],
  ['next one that the worker accepts', '1,3,5,21,33', 'bundle', Encoding.ENCODING_WEBP],
  [
    '8-bit samples, to a worker that takes no pictures',
    '1,3,5,21',
    'bundle',
    Encoding.ENCODING_UINT8_DEFLATE,
  ],
  ['packing without loss, if asked', null, 'lossless', Encoding.ENCODING_WEBP],
] as const)('a picture is sent as the bundle’s %s', async (_, encodings, activationCodec, expected) => {
  const bundle = await packed({ form: 'jpeg', quality: 85 }, webp, lossless);
  const reference = await referenceAnswers(bundle, bundle.manifest.policy.thresholds, count);
  const worker = await workerFor(bundle);
  if (encodings) worker.encodings = encodings;
  const agent = await run(bundle, worker.address, true, { activationCodec });
  await agent.done;
  expect(worker.requests).toHaveLength(hardOnes(reference));
  expect(encodingsOf(worker)).toEqual([expected]);
  const same = agent.answers.filter(
    ({ sample, labelIndex, degraded }) =>
      !degraded && reference[Number(sample.split(':')[1])]?.outcome.label === labelIndex,
  );
  expect(same.length).toBeGreaterThanOrEqual(activationCodec === 'lossless' ? count : count - 2);
});

test('where activations are smaller on average, no picture is packed', async () => {
  const bundle = await bundleWithCodec({ encoding: 'int8', meanBytes: 400 }, [webp]);
  const worker = await workerFor(bundle);
  await (await run(bundle, worker.address, true)).done;
  expect(encodingsOf(worker)).not.toContain(Encoding.ENCODING_WEBP);
});

test('a camera’s own JPEG is sent as it is where that is smaller, and answered as on the device', async () => {
  const bundle = await packed({ form: 'webp-lossless' });
  const folder = await temporaryFolder();
  const few = (await exampleInputs(bundle, 12)).map((values) =>
    pixelsOfInput(values, bundle.manifest.input as PictureInput),
  );
  for (const [i, pixels] of few.entries()) {
    const picture = sharp(pixels as Uint8Array, { raw: { height: 28, width: 28, channels: 1 } });
    const file = picture.toColourspace('b-w').resize(40, 32, { fit: 'fill' }).jpeg({ quality: 15 });
    await file.toFile(join(folder, `${i}.jpg`));
  }
  const options = { source: folder, deviceStages, limit: 0 };
  const here = await startTestAgent({
    ...options,
    bundle: bundle.directory,
    deviceStages: bundle.branches + 1,
  });
  await here.done;
  const worker = await workerFor(bundle);
  const agent = await run(bundle, worker.address, true, options);
  await agent.done;
  expect(worker.requests.length).toBeGreaterThan(0);
  expect(encodingsOf(worker)).toEqual([Encoding.ENCODING_JPEG_SOURCE]);
  const labels = (answers: typeof agent.answers) =>
    new Map(answers.map(({ sample, labelIndex, exit }) => [sample, `${labelIndex} at ${exit}`]));
  expect(labels(agent.answers)).toEqual(labels(here.answers));
});
