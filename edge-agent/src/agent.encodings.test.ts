import type { Bundle } from '@offramp/bundle';
import { Encoding, neverExit } from '@offramp/contracts';
import { afterEach, expect, test } from 'vitest';
import { bundleWithCodec, type Reference, referenceAnswers } from './testing/example.js';
import { type CascadeResponder, cascadeResponder, startScriptedWorker } from './testing/scripted-worker.js';
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

const run = (bundle: Bundle, cloud: string, sendInput = false) =>
  startTestAgent({
    bundle: bundle.directory,
    cloud,
    deviceStages,
    limit: count,
    sendInput,
    offloadTimeoutMs: 60_000,
  });

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
