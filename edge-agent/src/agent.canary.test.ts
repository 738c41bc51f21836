import { Bundle } from '@offramp/bundle';
import {
  type CanaryInit,
  canaryPlace,
  connectBus,
  defaultTelemetryRetention,
  ensureTelemetryStream,
  openPolicyBucket,
  type PolicyInit,
  telemetryStream,
  v1,
} from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { createLogger, systemClock } from '@offramp/runtime';
import type { KV, NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PolicyHolder } from './policy/policy-holder.js';
import { PolicyWatcher } from './policy/policy-watcher.js';
import { exampleBundleDirectory } from './testing/example.js';
import { startTestAgent, type TestAgent } from './testing/test-agent.js';

const soon = { timeout: 60_000, interval: 10 };
const group = 'cameras';
/** The first is a complete agent. The others only receive and apply policies. */
const devices = Array.from({ length: 10 }, (_, i) => `cam-${i}`);

let bundle: Bundle;
let server: NatsServer;
let bus: NatsConnection;
let bucket: KV;
let agent: TestAgent;
let holders: Map<string, PolicyHolder>;
const stops: (() => void)[] = [];

beforeEach(async () => {
  bundle = await Bundle.open(exampleBundleDirectory);
  server = await startNatsServer();
  bus = await connectBus({ url: server.url, name: 'test' });
  bucket = await openPolicyBucket(bus);
  await ensureTelemetryStream(bus, defaultTelemetryRetention);
  holders = new Map(devices.slice(1).map((device) => [device, follow(device)]));
  agent = await startTestAgent({
    ...{ group, device: devices[0] as string, nats: server.url, telemetryIntervalMs: 3_600_000 },
    ...{ deviceStages: bundle.branches + 1, loop: true, rate: 200 },
  });
});
afterEach(async () => {
  await agent.stop();
  for (const stop of stops.splice(0)) stop();
  await bus.close();
  await server.stop();
});

function follow(device: string): PolicyHolder {
  const { branches, digestBytes: bundleDigest, manifest } = bundle;
  const holder = new PolicyHolder({ group, device, branches, bundleDigest }, manifest.policy.thresholds);
  const options = { group, refreshMs: 3_600_000 };
  const logger = createLogger('test', 'silent');
  const watcher = new PolicyWatcher(
    options,
    systemClock,
    () => 0,
    logger,
    (bytes) => holder.offer(bytes),
  );
  watcher.onUp(bus);
  stops.push(() => watcher.stop());
  return holder;
}

const always = (threshold: number) => new Array<number>(bundle.branches).fill(threshold);
const policy = (version: number, threshold: number): PolicyInit => ({
  ...{ group, version, thresholds: always(threshold), bundleDigest: bundle.digestBytes, auditRate: 0.5 },
  latencyTargetMs: 0.001,
});
const put = (message: PolicyInit) => bucket.put(group, v1.Policy.encode(message).finish());

/** In the order in which they become canaries. */
const inTurn = (version: number) =>
  [...devices].sort((a, b) => canaryPlace(group, version, a) - canaryPlace(group, version, b));
/** A canary of the first `count` devices. */
const canaryOf = (count: number, version: number, stable: PolicyInit): CanaryInit => ({
  below: canaryPlace(group, version, inTurn(version)[count] as string),
  stable,
});
const followed = () =>
  new Map(
    devices.map((device) => {
      const { version, thresholds } = holders.get(device)?.current ?? agent.status().policy;
      return [device, { version, threshold: thresholds[0] }];
    }),
  );
const all = (version: number, threshold: number, who: readonly string[] = devices) =>
  new Map(who.map((device) => [device, { version, threshold }]));

const total = (counts: readonly number[] | null | undefined) =>
  (counts ?? []).reduce((sum, count) => sum + count, 0);

test('a share of a group tries a policy, then all follow it; a harmful one is rolled back', async () => {
  await put(policy(1, 2));
  await vi.waitFor(() => expect(followed()).toEqual(all(1, 2)), soon);

  const [first, rest] = [inTurn(2).slice(0, 3), inTurn(2).slice(3)];
  await put({ ...policy(2, 0), canary: canaryOf(3, 2, policy(1, 2)) });
  const divided = new Map([...all(1, 2, rest), ...all(2, 0, first)]);
  await vi.waitFor(() => expect(followed()).toEqual(divided), soon);

  await put(policy(2, 0));
  await vi.waitFor(() => expect(followed()).toEqual(all(2, 0)), soon);

  await put({ ...policy(3, 0.5), canary: canaryOf(5, 3, policy(2, 0)) });
  const onTrial = inTurn(3).slice(0, 5);
  const split = new Map([...all(2, 0), ...all(3, 0.5, onTrial)]);
  await vi.waitFor(() => expect(followed()).toEqual(split), soon);
  await put(policy(4, 0));
  await vi.waitFor(() => expect(followed()).toEqual(all(4, 0)), soon);
});

test("a device's status, answers and telemetry name its policy, and count late answers under it", async () => {
  const device = devices[0] as string;
  const place = canaryPlace(group, 2, device);
  await put({ ...policy(2, 0), canary: { below: place, stable: policy(1, 2) } });
  const newest = { newestVersion: 2, auditRate: 0.5, error: null };
  await vi.waitFor(
    () => expect(agent.status().policy).toMatchObject({ ...newest, version: 1, role: 'stable' }),
    soon,
  );
  await vi.waitFor(() => expect(agent.answers.at(-1)?.policyVersion).toBe(1), soon);
  await put({ ...policy(2, 0), canary: { below: place + 1, stable: policy(1, 2) } });
  await vi.waitFor(
    () => expect(agent.status().policy).toMatchObject({ ...newest, version: 2, role: 'canary' }),
    soon,
  );
  await vi.waitFor(() => expect(agent.answers.at(-1)?.policyVersion).toBe(2), soon);
  const exception = { device, thresholds: always(1.5), auditRate: 1 };
  await put({ ...policy(3, 0), exceptions: [exception] });
  await vi.waitFor(
    () =>
      expect(agent.status().policy).toMatchObject({
        ...{ version: 3, role: 'exception', thresholds: always(1.5), auditRate: 1 },
      }),
    soon,
  );
  await vi.waitFor(() => expect(agent.answers.at(-1)?.policyVersion).toBe(3), soon);
  await agent.stop();

  const { streams } = await bus.jetstreamManager();
  const { state } = await streams.info(telemetryStream);
  const told = new Map<number, { left: number; late: number }>();
  const states: number[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const { data } = await streams.getMessage(telemetryStream, { seq });
    const report = v1.TelemetryReport.decode(data);
    states.push(report.state?.policyVersion ?? 0);
    for (const evidence of report.window?.evidence ?? []) {
      const version = evidence.policyVersion ?? 0;
      const { left, late } = told.get(version) ?? { left: 0, late: 0 };
      told.set(version, { left: left + total(evidence.left), late: late + total(evidence.late) });
    }
  }
  expect(new Set(states)).toEqual(new Set([0, 1, 2, 3]));
  for (const version of [1, 2, 3]) {
    const answered = agent.answers.filter(({ policyVersion }) => policyVersion === version).length;
    expect(told.get(version)).toEqual({ left: answered, late: answered });
  }
  expect(told.get(0)?.late).toBe(0);
});
