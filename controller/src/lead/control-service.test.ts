import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Bundle, type CalibrationTable } from '@offramp/bundle';
import { connectBus } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { temporaryFolder } from '@offramp/runtime/testing';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controllerConfig } from '../config.js';
import { type Controller, startController } from '../controller.js';
import { seededRandom } from '../decide/testing/seeded-random.js';
import { ControllerClient } from '../nats-api/client.js';
import { BundleTables } from '../store/bundle-tables.js';
import { TableFleet } from '../testing/table-fleet.js';

const bundlePath = fileURLToPath(new URL('../../../examples/fashion-mnist/bundle', import.meta.url));
const silent = createLogger('test', 'silent');
const eventually = { timeout: 60_000, interval: 50 };

let cleanUps: (() => Promise<unknown>)[];
let nats: NatsServer;
let bus: NatsConnection;
let client: ControllerClient;
let bundle: Bundle;
let table: CalibrationTable;

beforeEach(async () => {
  nats = await startNatsServer();
  cleanUps = [() => nats.stop()];
  bus = await connectBus({ url: nats.url, name: 'test' });
  cleanUps.push(() => bus.close());
  client = new ControllerClient(bus, { timeoutMs: 5_000 });
  bundle = await Bundle.open(bundlePath);
  table = await bundle.readCalibration();
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

async function start(flags: Record<string, unknown> = {}): Promise<Controller> {
  const all = { nats: nats.url, tuneEveryMs: 100, leaseTtlMs: 1_000, ...flags };
  const controller = await startController(await resolveConfig(controllerConfig, all, {}), silent);
  controller.done.catch(() => undefined);
  cleanUps.push(() => controller.stop());
  return controller;
}

const fleetOf = (group: string, ...devices: string[]) =>
  new TableFleet(bus, group, devices, bundle, table, seededRandom(1));

const kindsOf = async (group = 'cameras') =>
  (await client.listEvents({ group })).map(({ kind }) => kind).reverse();

/** Reports until something is true. */
async function reportUntil(fleet: TableFleet, isTrue: () => Promise<boolean>): Promise<void> {
  await expect
    .poll(async () => {
      await fleet.report();
      return isTrue();
    }, eventually)
    .toBe(true);
}

const agreement = [{ kind: 'agreement', floor: 0.97 }] as const;
const never = () => table.branches.map(() => 2);

describe('a goal', () => {
  it('is set, and proven thresholds are found and rolled out to all devices', async () => {
    await start({ bundle: [bundlePath] });
    const fleet = fleetOf('cameras', 'a', 'b', 'c', 'd');
    await client.setPolicy('cameras', { thresholds: never() });
    const set = await client.setGoals('cameras', agreement, { author: 'ada' });
    expect(set).toMatchObject({ mode: 'auto', author: 'ada', goals: agreement });
    await reportUntil(fleet, async () => (await kindsOf()).includes('goal-met'));
    const status = await client.getStatus('cameras');
    expect(status).toMatchObject({ mode: 'auto', bundleDigest: bundle.digest, problem: null });
    expect(status.decision?.facts.agreementBound).toBeGreaterThanOrEqual(0.97);
    expect(status.thresholds[0]).toBeLessThan(1);
    const kinds = await kindsOf();
    expect(kinds[0]).toBe('goals-set');
    expect(kinds).toContain('canary');
    expect(kinds).toContain('promoted');
    expect((await client.listEvents()).filter(({ kind }) => kind === 'leader')).toHaveLength(1);
  });

  it('waits for the calibration table, and reports it', async () => {
    await start();
    const fleet = fleetOf('cameras', 'a', 'b');
    await client.setGoals('cameras', agreement);
    const problem = async () => (await client.getStatus('cameras')).problem;
    await expect.poll(problem, eventually).toBe('No device has reported yet.');
    await fleet.report();
    await expect.poll(problem, eventually).toContain('offramp fleet bundle add');
    await new BundleTables(bus).add(bundlePath);
    await expect.poll(problem, eventually).toBeNull();
    await expect.poll(async () => (await fleet.policy())?.version, eventually).toBe(1);
  });

  it('is rejected if it is invalid, or was changed in between', async () => {
    await start();
    await expect(client.setGoals('cameras', [{ kind: 'agreement', floor: 1.5 }])).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    await expect(client.setGoals('cameras', [...agreement, ...agreement])).rejects.toThrow(
      'one goal of each kind',
    );
    await expect(client.getStatus('a b')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const { revision } = await client.setGoals('cameras', agreement, { author: 'ada' });
    await client.setGoals('cameras', []);
    await expect(client.setGoals('cameras', agreement, { expectedRevision: revision })).rejects.toMatchObject(
      { code: 'POLICY_CONFLICT' },
    );
  });
});

it('a group without goals, mode, policy and devices does not exist', async () => {
  const { httpAddress } = await start({ listen: '127.0.0.1:0' });
  const names = async () => {
    const { groups } = (await (await fetch(`${httpAddress}/v1/groups`)).json()) as {
      groups: { group: string }[];
    };
    return groups.map(({ group }) => group);
  };
  await client.setGoals('mistyped', agreement);
  await client.setMode('frozen', 'frozen');
  await client.setPolicy('doors', { thresholds: [0.9, 0.8] });
  await expect.poll(names, eventually).toEqual(['doors', 'frozen', 'mistyped']);
  await client.setGoals('mistyped', []);
  await client.setMode('frozen', 'auto');
  await expect.poll(names, eventually).toEqual(['doors']);
});

describe('people', () => {
  async function tuned(): Promise<TableFleet> {
    await start({ bundle: [bundlePath] });
    const fleet = fleetOf('cameras', 'a', 'b', 'c', 'd');
    await client.setGoals('cameras', agreement);
    await reportUntil(fleet, async () => (await kindsOf()).includes('goal-met'));
    return fleet;
  }
  const modeNow = async () => (await client.getGoals('cameras')).mode;

  it('set policies, which pin the group until it is resumed', async () => {
    const fleet = await tuned();
    const { policy } = await client.setPolicy('cameras', { thresholds: never(), author: 'bob' });
    await expect.poll(modeNow, eventually).toBe('pinned');
    for (let i = 0; i < 10; i++) await fleet.report();
    const { facts } = (await client.getStatus('cameras')).decision ?? {};
    await expect
      .poll(async () => (await client.getStatus('cameras')).decision?.facts.samples, eventually)
      .toBe(fleet.samples);
    expect(facts).toBeDefined();
    expect((await fleet.policy())?.version).toBe(policy.version);
    expect((await client.getStatus('cameras')).explanation[0]).toContain('bob has set policy');
    await client.setMode('cameras', 'auto');
    await reportUntil(fleet, async () => ((await fleet.policy())?.version ?? 0) > policy.version);
    expect(await modeNow()).toBe('auto');
  });

  it('roll back to an earlier policy, and freeze', async () => {
    const fleet = await tuned();
    const [first] = await client.policyHistory('cameras');
    await client.rollBack('cameras', 1, { author: 'bob', reason: 'too many complaints' });
    expect(await fleet.policy()).toMatchObject({ thresholds: first?.thresholds, author: 'bob' });
    await expect.poll(modeNow, eventually).toBe('pinned');
    await expect(client.rollBack('cameras', 77)).rejects.toMatchObject({ code: 'POLICY_INVALID' });
    await client.setMode('cameras', 'frozen', { author: 'ada' });
    await expect.poll(async () => (await kindsOf()).at(-1), eventually).toBe('mode-set');
    expect(await modeNow()).toBe('frozen');
  });
});

describe('several controllers', () => {
  it('have one leader; when it stops another leads, and every report is counted exactly once', async () => {
    const controllers = [
      await start({ bundle: [bundlePath], instanceName: 'one' }),
      await start({ instanceName: 'two' }),
    ];
    const fleet = fleetOf('cameras', 'a', 'b', 'c', 'd');
    await client.setGoals('cameras', agreement);
    const leaders = async () =>
      (await client.listEvents()).filter(({ kind }) => kind === 'leader').map(({ author }) => author);
    await expect.poll(leaders, eventually).toEqual(['one']);
    for (let i = 0; i < 5; i++) await fleet.report();
    await controllers[0]?.stop();
    await expect.poll(leaders, eventually).toEqual(['two', 'one']);
    for (let i = 0; i < 5; i++) await fleet.report();
    await expect
      .poll(async () => (await client.getStatus('cameras')).decision?.facts.samples, eventually)
      .toBe(fleet.samples);
  });

  it('continue from their state when NATS restarts with its files', async () => {
    const storeDir = await temporaryFolder();
    let server = await startNatsServer({ storeDir });
    cleanUps.push(() => server.stop());
    const ownBus = await connectBus({ url: server.url, name: 'test' });
    cleanUps.push(() => ownBus.close());
    bus = ownBus;
    client = new ControllerClient(bus, { timeoutMs: 5_000 });
    for (const instanceName of ['one', 'two']) {
      await start({ nats: server.url, bundle: [bundlePath], instanceName });
    }
    const fleet = fleetOf('cameras', 'a', 'b', 'c', 'd');
    await client.setGoals('cameras', agreement);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4; i++) await fleet.report();
      await server.stop();
      server = await startNatsServer({ storeDir, port: server.port });
      await expect
        .poll(
          () =>
            fleet.report().then(
              () => true,
              () => false,
            ),
          eventually,
        )
        .toBe(true);
    }
    await expect
      .poll(
        () =>
          client.getStatus('cameras').then(
            ({ decision }) => decision?.facts.samples,
            () => 0,
          ),
        eventually,
      )
      .toBe(fleet.samples);
    const versions = (await client.policyHistory('cameras')).map(({ version }) => version);
    expect([...new Set(versions)]).toEqual(Array.from({ length: Math.max(...versions) }, (_, i) => i + 1));
  });
});

describe('the webhook', () => {
  it('receives every event in order, including those that failed at first', async () => {
    const told: { text: string; sequence: number }[] = [];
    const authorizations = new Set<string | undefined>();
    let failures = 2;
    const server = createServer(async (request, response) => {
      const body = await text(request);
      authorizations.add(request.headers.authorization);
      if (failures-- > 0) response.statusCode = 503;
      else told.push(JSON.parse(body));
      response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(async () => server.close());
    const { port } = server.address() as { port: number };
    await start({ webhook: `http://me:p%40ss@127.0.0.1:${port}/events` });
    await client.setGoals('cameras', agreement, { reason: 'first' });
    await expect.poll(() => kindsOf(), eventually).toEqual(['goals-set']);
    await client.setMode('cameras', 'frozen');
    await expect.poll(() => told.map((event) => event.text).join(), eventually).toContain('frozen');
    const sequences = told.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(told.map((event) => event.text).join()).toContain('first');
    expect([...authorizations]).toEqual([`Basic ${Buffer.from('me:p@ss').toString('base64')}`]);
  });
});
