import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bundle } from '@offramp/bundle';
import {
  CloudLink,
  connectBus,
  defaultTelemetryRetention,
  ensureTelemetryStream,
  LatencySketch,
  Lifecycle,
  openPolicyBucket,
  type PolicyInit,
  telemetryStream,
  v1,
  type WindowMessage,
} from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { Events, type KV, type NatsConnection } from 'nats';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { AgentConfig } from './config.js';
import { exampleBundleDirectory } from './testing/example.js';
import { cascadeResponder, startScriptedWorker } from './testing/scripted-worker.js';
import { idsOf, numbersTo, startTestAgent, type TestAgent } from './testing/test-agent.js';

const soon = { timeout: 60_000, interval: 10 };

let bundle: Bundle;
beforeAll(async () => {
  bundle = await Bundle.open(exampleBundleDirectory);
});

let storeDir: string;
let server: NatsServer;
let bus: NatsConnection;
const agents: TestAgent[] = [];
beforeEach(async () => {
  storeDir = await mkdtemp(join(tmpdir(), 'offramp-fleet-'));
  server = await startNatsServer({ storeDir });
  bus = await connectBus({ url: server.url, name: 'test' });
  await ensureTelemetryStream(bus, defaultTelemetryRetention);
});
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.stop();
  await bus.close();
  await server.stop();
  await rm(storeDir, { recursive: true, force: true });
});

async function start(config: Partial<AgentConfig> = {}): Promise<TestAgent> {
  const agent = await startTestAgent({
    nats: server.url,
    deviceStages: bundle.branches + 1,
    loop: true,
    rate: 200,
    telemetryIntervalMs: 50,
    ...config,
  });
  agents.push(agent);
  return agent;
}

const always = (threshold: number) => new Array<number>(bundle.branches).fill(threshold);

async function put(bucket: KV, version: number, thresholds: number[], differing: PolicyInit = {}) {
  const policy = { group: 'default', version, thresholds, ...differing };
  await bucket.put('default', v1.Policy.encode(policy).finish());
}

const version = (agent: TestAgent) => agent.status().policy.version;

/** Every report in the stream, in order, each once. */
async function reports() {
  const manager = await bus.jetstreamManager();
  const { state } = await manager.streams.info(telemetryStream);
  const found: ReturnType<typeof v1.TelemetryReport.decode>[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage(telemetryStream, { seq }).catch(() => null);
    if (message) found.push(v1.TelemetryReport.decode(message.data));
  }
  return found;
}

/** Restarts the server on its port, and waits until the test's own connection is back. */
async function restartServer(files = storeDir) {
  const reconnected = nextReconnect();
  await server.stop();
  server = await startNatsServer({ port: server.port, storeDir: files });
  await reconnected;
}

async function nextReconnect() {
  for await (const { type } of bus.status()) if (type === Events.Reconnect) return;
}

test('a policy is applied to running agents, to whole samples, and named in every answer', async () => {
  const bucket = await openPolicyBucket(bus);
  const agent = await start({ rate: 0 });
  await vi.waitFor(() => expect(agent.answers.length).toBeGreaterThan(20), soon);
  await put(bucket, 1, always(0));
  await vi.waitFor(() => expect(agent.answers.at(-1)?.policyVersion).toBe(1), soon);
  await put(bucket, 2, always(2), { bundleDigest: bundle.digestBytes });
  await vi.waitFor(() => expect(agent.answers.at(-1)?.policyVersion).toBe(2), soon);
  await agent.stop();
  const exitsUnder = (policyVersion: number) =>
    new Set(agent.answers.filter((answer) => answer.policyVersion === policyVersion).map(({ exit }) => exit));
  expect(exitsUnder(1)).toEqual(new Set([0]));
  expect(exitsUnder(2)).toEqual(new Set([bundle.branches]));
  expect(agent.answers.every(({ degraded }) => !degraded)).toBe(true);
});

test('a worker gets the policy that the sample started under', async () => {
  const bucket = await openPolicyBucket(bus);
  await put(bucket, 1, always(2));
  const cascade = await cascadeResponder(bundle);
  const worker = await startScriptedWorker(() => undefined);
  const agent = await start({
    cloud: worker.address,
    deviceStages: 1,
    rate: 0,
    maxInFlight: 4,
    offloadTimeoutMs: 60_000,
  });
  await vi.waitFor(() => expect(worker.requests.length).toBe(4), soon);
  worker.respond = cascade.respond;
  await put(bucket, 2, always(0));
  await vi.waitFor(() => expect(version(agent)).toBe(2), soon);
  expect(worker.requests.map(({ policyVersion }) => policyVersion)).toEqual([1, 1, 1, 1]);
  worker.breakStreams();
  await vi.waitFor(() => expect(agent.answers.at(-1)).toMatchObject({ policyVersion: 2, exit: 0 }), soon);
  expect(agent.answers.slice(0, 4)).toMatchObject(new Array(4).fill({ policyVersion: 1, degraded: true }));
  await agent.stop();
  worker.stop();
  await cascade.close();
});

test('a device that starts later, or was disconnected, gets the newest policy', async () => {
  const bucket = await openPolicyBucket(bus);
  await put(bucket, 1, always(0.5));
  await put(bucket, 2, always(0.25));
  const agent = await start();
  await agent.stop();
  expect(agent.answers[0]?.policyVersion ?? version(agent)).toBe(2);

  const second = await start({ device: 'second' });
  await restartServer();
  await put(bucket, 3, always(0.75));
  await put(bucket, 4, always(0));
  await vi.waitFor(() => expect(version(second)).toBe(4), soon);
});

test('policies arrive after a start without a bucket, and after the server has lost its data', async () => {
  const agent = await start();
  await vi.waitFor(() => expect(agent.answers.length).toBeGreaterThan(0), soon);
  expect(version(agent)).toBe(0);
  await put(await openPolicyBucket(bus), 7, always(0));
  await vi.waitFor(() => expect(version(agent)).toBe(7), soon);

  const emptyDir = await mkdtemp(join(tmpdir(), 'offramp-fleet-'));
  await restartServer(emptyDir);
  await put(await openPolicyBucket(bus), 1, always(2));
  await vi.waitFor(() => expect(version(agent)).toBe(1), soon);
  await agent.stop();
  await server.stop();
  await rm(emptyDir, { recursive: true });
});

test('an agent that starts without NATS answers, and joins its fleet when NATS is there', async () => {
  const reconnected = nextReconnect();
  await server.stop();
  const agent = await start();
  await vi.waitFor(() => expect(agent.answers.length).toBeGreaterThan(0), soon);
  expect(agent.status().nats?.state).toBe('never');
  server = await startNatsServer({ port: server.port, storeDir });
  await reconnected;
  await put(await openPolicyBucket(bus), 1, always(0));
  await vi.waitFor(() => expect(version(agent)).toBe(1), soon);
});

test('malformed policies, policies for other bundles and deletions leave the last policy in force, and telemetry says why', async () => {
  const bucket = await openPolicyBucket(bus);
  const agent = await start({ telemetryIntervalMs: 3_600_000 });
  await put(bucket, 1, always(0));
  await vi.waitFor(() => expect(version(agent)).toBe(1), soon);
  const error = async () => (await reports()).at(-1)?.state?.policyError;
  await bucket.put('default', 'these bytes are not a policy');
  await vi.waitFor(async () => expect(await error()).toMatch(/not a policy|expected/), soon);
  await put(bucket, 2, always(2), { bundleDigest: new Uint8Array(32) });
  await vi.waitFor(async () => expect(await error()).toMatch(/is for bundle/), soon);
  await bucket.delete('default');
  await put(bucket, 3, [...always(2), 1]);
  await vi.waitFor(async () => expect(await error()).toMatch(/thresholds/), soon);
  expect(agent.status().policy).toMatchObject({ version: 1, thresholds: always(0) });
  await put(bucket, 4, always(2));
  await vi.waitFor(async () => expect(await error()).toBe(''), soon);
  expect((await reports()).at(-1)?.state).toMatchObject({ policyVersion: 4, thresholds: always(2) });
});

test('telemetry adds up to the answers, despite an outage of NATS', async () => {
  const cascade = await cascadeResponder(bundle);
  const worker = await startScriptedWorker(cascade.respond);
  const agent = await start({
    cloud: worker.address,
    deviceStages: 1,
    telemetryIntervalMs: 20,
    maxTelemetryBacklog: 4,
  });
  await vi.waitFor(async () => expect((await reports()).length).toBeGreaterThan(3), soon);
  const reconnected = nextReconnect();
  await server.stop();
  const before = agent.answers.length;
  await vi.waitFor(() => expect(agent.answers.length).toBeGreaterThan(before + 100), soon);
  expect(agent.status().nats?.state).toBe('down');
  expect(agent.status().nats?.telemetryBacklog).toBeLessThanOrEqual(5);
  worker.breakStreams();
  server = await startNatsServer({ port: server.port, storeDir });
  await reconnected;
  // A stop waits only a few seconds for acknowledgements, and a restarted server may take longer on a busy machine.
  await vi.waitFor(
    () => expect(agent.status().nats).toMatchObject({ state: 'up', telemetryBacklog: 0 }),
    soon,
  );
  await agent.stop();
  worker.stop();
  await cascade.close();

  const all = await reports();
  expect(all.map(({ sequence }) => sequence)).toEqual(numbersTo(all.length));
  expect(new Set(all.map(({ bootId }) => bootId)).size).toBe(1);
  expect(all[0]?.state?.lifecycle).toBe(Lifecycle.LIFECYCLE_RUNNING);
  expect(all.at(-1)?.state?.lifecycle).toBe(Lifecycle.LIFECYCLE_STOPPED);
  expect(all.at(-2)?.state?.lifecycle).toBe(Lifecycle.LIFECYCLE_DRAINING);
  expect(all.some(({ state }) => state?.cloudLink === CloudLink.CLOUD_LINK_CONNECTED)).toBe(true);

  const { answers } = agent;
  expect(idsOf(answers)).toEqual(numbersTo(answers.length));
  const sum = (of: (window: WindowMessage) => number | undefined) =>
    all.reduce((total, { window }) => total + ((window && of(window)) ?? 0), 0);
  const number = (matching: (answer: (typeof answers)[number]) => boolean | undefined) =>
    answers.filter(matching).length;
  expect(sum(({ samples }) => samples)).toBe(answers.length);
  expect(sum(({ offloaded }) => offloaded)).toBe(number(({ offloaded }) => offloaded));
  expect(sum(({ degraded }) => degraded)).toBe(number(({ degraded }) => degraded));
  expect(sum(({ labelled }) => labelled)).toBe(answers.length);
  expect(sum(({ correct }) => correct)).toBe(number(({ correct }) => correct));
  for (let exit = 0; exit <= bundle.branches; exit++) {
    expect(sum(({ exits }) => exits?.[exit])).toBe(number((answer) => answer.exit === exit));
  }
  const sketched = sum(({ latencySketch }) => LatencySketch.decode(latencySketch as Uint8Array).count);
  expect(sketched).toBe(answers.length);
  expect(sum(({ agreement }) => agreement?.[0]?.compared)).toBe(
    number(({ exit }) => exit === bundle.branches),
  );
});

test('reports wait for a stream that is created later', async () => {
  await (await bus.jetstreamManager()).streams.delete(telemetryStream);
  const agent = await start();
  await vi.waitFor(() => expect(agent.status().nats?.telemetryBacklog).toBeGreaterThan(2), soon);
  await ensureTelemetryStream(bus, defaultTelemetryRetention);
  await vi.waitFor(async () => expect((await reports()).length).toBeGreaterThan(2), soon);
  await agent.stop();
  const all = await reports();
  expect(all.map(({ sequence }) => sequence)).toEqual(numbersTo(all.length));
  const samples = all.reduce((total, { window }) => total + (window?.samples ?? 0), 0);
  expect(samples).toBe(agent.answers.length);
});
