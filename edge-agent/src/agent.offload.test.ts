import { createServer } from 'node:net';
import { Bundle } from '@offramp/bundle';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { exampleBundleDirectory, type Reference, referenceAnswers } from './testing/example.js';
import {
  type CascadeResponder,
  cascadeResponder,
  neverAnswer,
  type ScriptedWorker,
  startScriptedWorker,
} from './testing/scripted-worker.js';
import { idsOf, numbersTo, startTestAgent, type TestAgent } from './testing/test-agent.js';

const count = 60;
const soon = { timeout: 60_000, interval: 5 };

let bundle: Bundle;
let reference: Reference[];
let cascade: CascadeResponder;
let worker: ScriptedWorker;

beforeAll(async () => {
  bundle = await Bundle.open(exampleBundleDirectory);
  reference = await referenceAnswers(bundle, bundle.manifest.policy.thresholds, count);
  cascade = await cascadeResponder(bundle);
});
afterAll(() => cascade.close());
afterEach(() => worker?.stop());

/** The most confident of the first `stages` exits. */
function bestLocal({ exits }: Reference, stages: number) {
  return exits.slice(0, stages).reduce((a, b) => (a.confidence > b.confidence ? a : b));
}

const byId = (agent: TestAgent) => [...agent.answers].sort((a, b) => a.id - b.id);
const sourceIndex = (sample: string) => Number(sample.split(':')[1]);
const hardSamples = (stages: number) => reference.filter(({ outcome }) => outcome.exit >= stages).length;

test('answers equal those of the whole cascade for every number of stages on the device', async () => {
  worker = await startScriptedWorker(cascade.respond);
  for (let deviceStages = 1; deviceStages <= bundle.branches + 1; deviceStages++) {
    const agent = await startTestAgent({
      cloud: worker.address,
      deviceStages,
      limit: count,
      offloadTimeoutMs: 60_000,
      activationCodec: 'lossless',
    });
    await agent.done;
    expect(idsOf(agent.answers)).toEqual(numbersTo(count));
    for (const answer of agent.answers) {
      const expected = reference[sourceIndex(answer.sample)]?.outcome;
      expect(answer).toMatchObject({ exit: expected?.exit, labelIndex: expected?.label, degraded: false });
      expect(answer.confidence).toBeCloseTo(expected?.confidence ?? 0, 4);
      expect(answer.offloaded).toBe(answer.exit >= deviceStages);
      expect(answer.label).toBe(bundle.manifest.labels[answer.labelIndex]);
      expect(answer).toMatchObject({
        policyVersion: 0,
        bundle: bundle.digest,
        trueLabel: expect.any(String),
      });
      expect(answer.correct).toBe(answer.trueLabel === answer.label);
    }
  }
});

test('a request has bundle, stage, thresholds and deadline', async () => {
  worker = await startScriptedWorker(cascade.respond);
  const agent = await startTestAgent({ cloud: worker.address, deviceStages: 1, limit: count });
  await agent.done;
  expect(worker.requests.length).toBe(hardSamples(1));
  const request = worker.requests[0];
  expect(Buffer.from(request?.bundleDigest ?? []).toString('hex')).toBe(bundle.digest);
  expect(request).toMatchObject({
    stage: 1,
    thresholds: bundle.manifest.policy.thresholds.map(Math.fround),
    tensor: { shape: bundle.manifest.stages[1]?.inputShape },
  });
  expect(request?.deadlineMs).toBeGreaterThan(0);
  expect(request?.deadlineMs).toBeLessThanOrEqual(500);
});

test('if the worker never answers, the most confident local exit answers once, in time', async () => {
  worker = await startScriptedWorker(neverAnswer);
  const deviceStages = Math.min(2, bundle.branches);
  const agent = await startTestAgent({
    cloud: worker.address,
    deviceStages,
    limit: count,
    offloadTimeoutMs: 30,
    maxOffloadsInFlight: 4,
  });
  await agent.done;
  expect(idsOf(agent.answers)).toEqual(numbersTo(count));
  for (const answer of agent.answers) {
    const expected = reference[sourceIndex(answer.sample)] as Reference;
    const hard = expected.outcome.exit >= deviceStages;
    expect(answer.degraded).toBe(hard);
    const outcome = hard ? bestLocal(expected, deviceStages) : expected.outcome;
    expect(answer).toMatchObject({ exit: outcome.exit, labelIndex: outcome.label });
  }
  expect(agent.status().totals.degraded).toBe(hardSamples(deviceStages));
});

test('answers that come after the timeout are dropped', async () => {
  worker = await startScriptedWorker(neverAnswer);
  const agent = await startTestAgent({
    cloud: worker.address,
    deviceStages: 1,
    loop: true,
    rate: 200,
    offloadTimeoutMs: 20,
  });
  await vi.waitFor(() => expect(agent.answers.some(({ degraded }) => degraded)).toBe(true), soon);
  worker.respond = (_, stream) => {
    for (const request of worker.requests.splice(0)) cascade.respond(request, stream);
  };
  await vi.waitFor(() => expect(agent.status().cloud?.counters.late).toBeGreaterThan(0), soon);
  await agent.stop();
  expect(idsOf(agent.answers)).toEqual(numbersTo(agent.answers.length));
});

test('when the stream breaks, each sample in flight is answered once, later ones do not wait, and the stream reconnects', async () => {
  worker = await startScriptedWorker(neverAnswer);
  const agent = await startTestAgent({
    cloud: worker.address,
    deviceStages: 1,
    loop: true,
    offloadTimeoutMs: 60_000,
    maxInFlight: 16,
    maxOffloadsInFlight: 8,
  });
  await vi.waitFor(() => expect(agent.status().cloud).toMatchObject({ sent: 8, queued: 8 }), soon);
  const before = agent.answers.length;
  worker.respond = cascade.respond;
  worker.breakStreams();
  await vi.waitFor(() => expect(agent.answers.length).toBeGreaterThanOrEqual(before + 16), soon);
  expect(agent.status().cloud?.counters).toMatchObject({ broken: 16, timeouts: 0 });
  await vi.waitFor(() => expect(worker.streams).toBe(2), soon);
  const offloaded = () => agent.answers.filter((answer) => answer.offloaded && !answer.degraded);
  await vi.waitFor(() => expect(offloaded().length).toBeGreaterThan(0), soon);
  await agent.stop();
  expect(idsOf(agent.answers)).toEqual(numbersTo(agent.answers.length));
});

test('connects to a worker that starts later, or again, on its port', async () => {
  worker = await startScriptedWorker(cascade.respond);
  const { port } = worker;
  worker.stop();
  const agent = await startTestAgent({
    cloud: worker.address,
    deviceStages: 1,
    loop: true,
    rate: 300,
    reconnectMaxMs: 200,
  });
  const served = () => agent.answers.filter((answer) => answer.offloaded && !answer.degraded).length;
  const degraded = () => agent.answers.filter((answer) => answer.degraded).length;
  await vi.waitFor(() => expect(degraded()).toBeGreaterThan(0), soon);
  for (let round = 0; round < 2; round++) {
    worker = await startScriptedWorker(cascade.respond, port);
    const servedBefore = served();
    await vi.waitFor(() => expect(served()).toBeGreaterThan(servedBefore), soon);
    const degradedBefore = degraded();
    worker.stop();
    await vi.waitFor(() => expect(degraded()).toBeGreaterThan(degradedBefore), soon);
  }
  await agent.stop();
  expect(idsOf(agent.answers)).toEqual(numbersTo(agent.answers.length));
});

test('if the worker is full, local exits answer, and it gets no samples for a while', async () => {
  worker = await startScriptedWorker((request, stream) =>
    stream.write({
      sampleId: request.sampleId ?? 0,
      refusal: { code: 8, message: 'refused by the test', retryAfterMs: 60_000 },
    }),
  );
  const agent = await startTestAgent({
    cloud: worker.address,
    deviceStages: 1,
    loop: true,
    maxOffloadsInFlight: 1,
  });
  await vi.waitFor(() => expect(agent.answers.length).toBeGreaterThan(count), soon);
  expect(agent.status().cloud).toMatchObject({ state: 'paused', counters: { refusals: 1 } });
  expect(worker.requests.length).toBe(1);
  await agent.stop();
  expect(byId(agent).filter(({ degraded }) => degraded).length).toBeGreaterThan(1);
  expect(idsOf(agent.answers)).toEqual(numbersTo(agent.answers.length));
});

test('a worker without the bundle gets few samples, and all of them once it serves the bundle', async () => {
  let served = false;
  worker = await startScriptedWorker((request, stream) => {
    const refusal = { code: 5, message: 'unknown bundle' };
    if (served) cascade.respond(request, stream);
    else stream.write({ sampleId: request.sampleId ?? 0, refusal });
  });
  const agent = await startTestAgent({
    cloud: worker.address,
    deviceStages: 1,
    loop: true,
    maxOffloadsInFlight: 1,
    offloadTimeoutMs: 60_000,
  });
  const offloaded = () => agent.answers.filter((answer) => answer.offloaded && !answer.degraded).length;
  await vi.waitFor(() => expect(worker.requests.length).toBe(2), soon);
  expect(agent.answers.length).toBeGreaterThan(count);
  served = true;
  await vi.waitFor(() => expect(offloaded()).toBeGreaterThan(count), soon);
  expect(agent.status().cloud).toMatchObject({ state: 'ready' });
  await agent.stop();
  expect(idsOf(agent.answers)).toEqual(numbersTo(agent.answers.length));
});

test('malformed responses on the stream are dropped', async () => {
  worker = await startScriptedWorker((request, stream) => {
    const { sampleId = 0 } = request;
    stream.write({ sampleId: 987_654, answer: { label: 1 } });
    stream.write({ sampleId, answer: { label: 4_000_000_000, bundleDigest: bundle.digestBytes, exit: 1 } });
    stream.write({ sampleId, answer: { label: 1, bundleDigest: new Uint8Array(5), exit: 1 } });
    stream.write({ sampleId });
    stream.write(Buffer.from('these bytes are not a response'));
    cascade.respond(request, stream);
  });
  const agent = await startTestAgent({
    cloud: worker.address,
    deviceStages: 1,
    limit: count,
    offloadTimeoutMs: 60_000,
  });
  await agent.done;
  expect(agent.answers.every(({ degraded }) => !degraded)).toBe(true);
  expect(agent.status().cloud?.counters.invalid).toBe(5 * hardSamples(1));
  expect(worker.streams).toBe(1);
});

test('local exits answer if the server is not a worker', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const agent = await startTestAgent({ cloud: `127.0.0.1:${port}`, deviceStages: 1, limit: count });
  await agent.done;
  server.close();
  expect(idsOf(agent.answers)).toEqual(numbersTo(count));
  expect(agent.answers.filter(({ degraded }) => degraded).length).toBe(hardSamples(1));
});
