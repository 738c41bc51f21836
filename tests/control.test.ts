import { Bundle } from '@offramp/bundle';
import { connectBus, leaseBucket } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { type Controller, ControllerClient, controllerConfig, startController } from '@offramp/controller';
import { TableFleet } from '@offramp/controller/testing';
import { createLogger, resolveConfig } from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CommandLine } from './support/command-line.js';
import { bundlePath } from './support/example.js';
import { seededRandom } from './support/fleet-agent.js';

const silent = createLogger('test', 'silent');
const eventually = { timeout: 60_000, interval: 50 };
const group = 'cameras';
const kills = 8;

let bundle: Bundle;
let nats: NatsServer;
let bus: NatsConnection;
let client: ControllerClient;
let fleet: TableFleet;
let cleanUps: (() => Promise<unknown>)[];

beforeEach(async () => {
  bundle = await Bundle.open(bundlePath);
  nats = await startNatsServer();
  cleanUps = [() => nats.stop()];
  bus = await connectBus({ url: nats.url, name: 'test' });
  cleanUps.push(() => bus.close());
  client = new ControllerClient(bus, { timeoutMs: 10_000 });
  const devices = ['a', 'b', 'c', 'd', 'e', 'f'];
  fleet = new TableFleet(bus, group, devices, bundle, await bundle.readCalibration(), seededRandom(3));
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

const samplesCounted = () =>
  client.getStatus(group).then(
    ({ decision }) => decision?.facts.samples,
    () => 0,
  );

/** Every policy was given out once, and told of once; canaries go further under the number that they have. */
async function expectOneHistory(setByHand: number[] = []): Promise<void> {
  const history = await client.policyHistory(group);
  const versions = history.map(({ version }) => version);
  expect(versions).toEqual([...versions].sort((a, b) => a - b));
  expect([...new Set(versions)]).toEqual(Array.from({ length: versions.at(-1) ?? 0 }, (_, i) => i + 1));
  for (const version of new Set(versions)) {
    const entries = history.filter((policy) => policy.version === version);
    expect(entries.length).toBeLessThanOrEqual(3);
    expect(new Set(entries.map(({ thresholds }) => thresholds.join())).size).toBe(1);
    expect(entries.slice(0, -1).every(({ canary }) => canary !== null)).toBe(true);
  }
  const events = await client.listEvents({ group });
  const given = events.filter(({ kind }) => ['policy', 'canary', 'rolled-back'].includes(kind));
  expect(given.map(({ policyVersion }) => policyVersion).reverse()).toEqual(
    [...new Set(versions)].filter((version) => !setByHand.includes(version)),
  );
  const told = events.map(({ kind, policyVersion, text }) => `${kind} ${policyVersion} ${text}`);
  expect(new Set(told).size).toBe(told.length);
}

function controllerProcess(name: string): CommandLine {
  const pace = ['--tune-every-ms', '100', '--lease-ttl-ms', '1000'];
  return new CommandLine(
    ...['controller', '--nats', nats.url, '--bundle', bundlePath, '--instance-name', name, ...pace],
  );
}

test('a leader that is killed, again and again, loses nothing and does nothing twice', async () => {
  const random = seededRandom(5);
  const processes = new Map<string, CommandLine>();
  for (const name of ['one', 'two']) {
    const controller = controllerProcess(name);
    processes.set(name, controller);
    await controller.output(/^controller ready/m);
  }
  await client.setPolicy(group, { thresholds: new Array<number>(bundle.branches).fill(2) });
  await client.setGoals(group, [{ kind: 'agreement', floor: 0.97 }]);
  const leaders = async () => (await client.listEvents()).filter(({ kind }) => kind === 'leader');
  for (let kill = 0; kill < kills; kill++) {
    await expect.poll(async () => (await leaders().catch(() => [])).length, eventually).toBeGreaterThan(kill);
    const [leader] = await leaders();
    const name = leader?.author ?? '';
    // How long it leads, and what it is at when it is killed, differs from time to time.
    for (let i = Math.floor(random() * 40); i > 0; i--) await fleet.report(5);
    await processes.get(name)?.kill();
    await fleet.report(5);
    const again = controllerProcess(name);
    processes.set(name, again);
    await again.output(/^controller ready/m);
  }
  await expect.poll(samplesCounted, eventually).toBe(fleet.samples);
  await expectOneHistory([1]);
}, 300_000);

test('two that lead at once do no harm', async () => {
  const start = async (instanceName: string): Promise<Controller> => {
    const flags = { nats: nats.url, bundle: [bundlePath], instanceName, tuneEveryMs: 50, leaseTtlMs: 60_000 };
    const controller = await startController(await resolveConfig(controllerConfig, flags, {}), silent);
    cleanUps.push(() => controller.stop());
    return controller;
  };
  await start('one');
  // It does not know that its lease is gone, and goes on for as long as that would have lasted.
  await (await bus.jetstream().views.kv(leaseBucket)).purge('leader');
  await start('two');
  await client.setGoals(group, [{ kind: 'agreement', floor: 0.97 }]);
  const authors = async () =>
    new Set((await client.listEvents()).filter(({ kind }) => kind === 'leader').map(({ author }) => author));
  await expect.poll(async () => (await authors()).size, eventually).toBe(2);
  for (let i = 0; i < 40; i++) await fleet.report(20);
  await expect.poll(samplesCounted, eventually).toBe(fleet.samples);
  await expectOneHistory();
});
