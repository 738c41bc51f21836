import {
  connectBus,
  Lifecycle,
  policyBucket,
  telemetryStream,
  telemetrySubject,
  v1,
} from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { ManualClock } from '@offramp/runtime/testing';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Controller, ControllerDependencies } from './controller.js';
import { ControllerClient, type SetPolicyOptions } from './nats-api/client.js';
import { publishReport, runController } from './testing/running-controller.js';
import { type SampleReport, sampleReport } from './testing/sample-report.js';

const eventually = { timeout: 60_000, interval: 20 };
const withCode = (code: string) => expect.objectContaining({ code });

/** Controllers started by the test, the newest last. */
let cleanUps: (() => Promise<unknown>)[] = [];
let nats: NatsServer;
let bus: NatsConnection;
let client: ControllerClient;

async function start(
  flags: Record<string, unknown> = {},
  dependencies?: ControllerDependencies,
): Promise<Controller> {
  const controller = await runController({ nats: nats.url, ...flags }, dependencies);
  cleanUps.push(() => controller.stop());
  return controller;
}

const publish = (sample: SampleReport) => publishReport(bus, sample);

const device = async (name = 'cam-1') =>
  (await client.listDevices()).devices.find((candidate) => candidate.device === name);
const samplesOf = async (name?: string) => (await device(name))?.total.samples;

beforeEach(async () => {
  nats = await startNatsServer();
  cleanUps = [() => nats.stop()];
  bus = await connectBus({ url: nats.url, name: 'test' });
  cleanUps.push(() => bus.close());
  client = new ControllerClient(bus, { timeoutMs: 1_000 });
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

describe('the register', () => {
  it('lists a device that has reported', async () => {
    await start();
    expect(await client.listDevices()).toEqual({
      devices: [],
      summary: { devices: 0, online: 0, latencyP50Ms: 0, latencyP99Ms: 0 },
    });
    await publish({ exits: [6, 3, 1], latenciesMs: [10, 10, 10] });
    await expect.poll(() => samplesOf(), eventually).toBe(10);
    const { devices, summary } = await client.listDevices();
    expect(devices).toHaveLength(1);
    expect(devices[0]).toMatchObject({
      device: 'cam-1',
      group: 'cameras',
      online: true,
      state: { bundleName: 'shoes', bundleDigest: '07'.repeat(32), thresholds: [0.9, 0.9] },
      total: { exits: [6, 3, 1], correct: 9, agreement: [{ compared: 1, agreed: 1 }, expect.anything()] },
      latest: { samples: 10 },
      latestWindowMs: 1_000,
      newestPolicyVersion: 0,
      expectedPolicyVersion: 0,
      reportsMissing: 0,
      countedFromSequence: 1,
    });
    expect(Math.abs((devices[0]?.latencyP99Ms ?? 0) - 10)).toBeLessThan(0.11);
    expect(summary).toMatchObject({ devices: 1, online: 1, latencyP50Ms: devices[0]?.latencyP50Ms });
  });

  it('counts each report once, and the missing ones', async () => {
    await start();
    for (const sequence of [1, 2, 2, 5, 1]) await publish({ sequence, exits: [1, 0, 0] });
    await publish({ sequence: 6, exits: [0, 0, 1] });
    await expect.poll(async () => (await device())?.total.exits, eventually).toEqual([3, 0, 1]);
    expect((await device())?.reportsMissing).toBe(2);
  });

  it('ignores invalid reports, and reports in the name of other devices', async () => {
    await start();
    const jetStream = bus.jetstream();
    await jetStream.publish(telemetrySubject('cameras', 'cam-1'), Buffer.from('garbage'));
    await jetStream.publish(telemetrySubject('cameras', 'cam-1'), new Uint8Array(0));
    const forged = v1.TelemetryReport.encode(sampleReport({ device: 'cam-2' })).finish();
    await jetStream.publish(telemetrySubject('cameras', 'cam-1'), forged);
    await publish({ device: 'cam-3' });
    await expect.poll(() => samplesOf('cam-3'), eventually).toBe(10);
    expect((await client.listDevices()).devices.map(({ device }) => device)).toEqual(['cam-3']);
  });

  it('is rebuilt from NATS by the next controller', async () => {
    const first = await start();
    await publish({ sequence: 1 });
    await publish({ sequence: 2, device: 'cam-2' });
    await expect.poll(() => samplesOf('cam-2'), eventually).toBe(10);
    const before = await client.listDevices();
    await first.stop();
    await first.done;
    await publish({ sequence: 2, exits: [5, 0, 0] });
    await start();
    const after = await client.listDevices();
    expect(after.devices.map(({ total }) => total.samples)).toEqual([15, 10]);
    expect(after.devices[1]?.total).toEqual(before.devices[1]?.total);
  });

  it('finds offline devices by its clock and by the reports’ times in NATS', async () => {
    const clock = new ManualClock();
    const first = await start({ offlineAfterMinMs: 3_000 }, { clock });
    await publish({ device: 'alive', windowMs: 2_000 });
    await publish({ device: 'stopped', lifecycle: Lifecycle.LIFECYCLE_STOPPED });
    await expect.poll(() => samplesOf('stopped'), eventually).toBe(10);
    expect(await device('stopped')).toMatchObject({ online: false, lastSeenMsAgo: 0 });
    clock.advance(6_000);
    expect(await device('alive')).toMatchObject({ online: true, lastSeenMsAgo: 6_000 });
    clock.advance(1);
    expect(await device('alive')).toMatchObject({ online: false });
    await publish({ device: 'alive', sequence: 2, windowMs: 2_000 });
    await expect.poll(async () => (await device('alive'))?.online, eventually).toBe(true);
    await first.stop();

    // The next controller's clock starts at another time; replayed reports have NATS's times.
    const stored = await (await bus.jetstreamManager()).streams.getMessage(telemetryStream, { seq: 3 });
    const later = new ManualClock();
    later.advance(1e9);
    await start({}, { clock: later });
    const ago = (await device('alive'))?.lastSeenMsAgo ?? Number.NaN;
    expect(ago).toBeGreaterThanOrEqual(0);
    expect(ago).toBeLessThanOrEqual(Date.now() - stored.time.getTime() + 1_000);
  });

  it('is listed in pages that fit into a message', async () => {
    await start();
    // Reports of the largest size, so that the 200 devices take more than one NATS message.
    const exits = new Array<number>(256).fill(2 ** 25);
    const windowMs = 86_400_000;
    const names = Array.from({ length: 200 }, (_, i) => `cam-${String(i).padStart(3, '0')}`);
    await Promise.all(names.map((name) => publish({ device: name, exits, windowMs })));
    await expect.poll(async () => (await client.listDevices()).devices.length, eventually).toBe(names.length);

    const whole = await client.listDevices();
    expect(whole.devices.map((listed) => listed.device)).toEqual(names);
    expect(whole.summary).toMatchObject({ devices: 200, online: 200 });
    const small = await client.listDevices('', 7);
    expect(small.devices.map((listed) => listed.device)).toEqual(names);
    expect(small.summary.devices).toBe(200);
    const bytes = whole.devices
      .map(({ state, expectedBundleDigest: _, ...counts }) =>
        v1.Device.encode({ ...counts, state: { thresholds: state.thresholds } }),
      )
      .reduce((sum, writer) => sum + writer.finish().length, 0);
    expect(bytes).toBeGreaterThan(bus.info?.max_payload ?? Number.POSITIVE_INFINITY);
    expect((await client.listDevices('nobody')).devices).toEqual([]);
    await expect(client.listDevices('no group')).rejects.toThrow(withCode('CONFIG_INVALID'));
  });
});

describe('policies', () => {
  it('are numbered from 1, and remembered', async () => {
    await start();
    await expect(client.getPolicy('cameras')).rejects.toThrow(withCode('NOT_FOUND'));
    await expect(client.policyHistory('cameras')).rejects.toThrow(withCode('NOT_FOUND'));
    const first = await client.setPolicy('cameras', {
      thresholds: [0.9, 0.8],
      author: 'ada',
      reason: 'start',
    });
    expect(first).toMatchObject({
      policy: { group: 'cameras', version: 1, thresholds: [0.9, 0.8], author: 'ada', reason: 'start' },
      onlineDevices: 0,
    });
    await client.setPolicy('cameras', { thresholds: [0.7, 0.6] });
    await client.setPolicy('doors', { thresholds: [0.5, 0.5] });
    expect(await client.getPolicy('cameras')).toMatchObject({ version: 2, thresholds: [0.7, 0.6] });
    expect(await client.getPolicy('doors')).toMatchObject({ version: 1 });
    const history = await client.policyHistory('cameras');
    expect(history.map(({ version, thresholds }) => [version, thresholds])).toEqual([
      [1, [0.9, 0.8]],
      [2, [0.7, 0.6]],
    ]);
    expect(history[0]?.setAt).toEqual(first.policy.setAt);
    expect(Math.abs(Date.now() - first.policy.setAt.getTime())).toBeLessThan(60_000);
  });

  it('get unique numbers, with any number of clients and controllers', async () => {
    await start();
    await start();
    const set = await Promise.all(
      Array.from({ length: 12 }, (_, i) => client.setPolicy('cameras', { thresholds: [i, i] })),
    );
    const versions = set.map(({ policy }) => policy.version).sort((a, b) => a - b);
    expect(versions).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    for (const { policy } of set) {
      const stored = (await client.policyHistory('cameras')).find(
        ({ version }) => version === policy.version,
      );
      expect(stored).toEqual(policy);
    }
  });

  it('take effect only on the expected version', async () => {
    await start();
    await client.setPolicy('cameras', { thresholds: [1, 1], author: 'ada' });
    const outdated = client.setPolicy('cameras', { thresholds: [2, 2], expectedVersion: 4 });
    await expect(outdated).rejects.toThrow(withCode('POLICY_CONFLICT'));
    await expect(outdated).rejects.toThrow('expected policy 4 to be the newest, found 1, set by ada');
    const both = await Promise.allSettled([
      client.setPolicy('cameras', { thresholds: [2, 2], expectedVersion: 1 }),
      client.setPolicy('cameras', { thresholds: [3, 3], expectedVersion: 1 }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'POLICY_CONFLICT' },
    });
    expect((await client.policyHistory('cameras')).map(({ version }) => version)).toEqual([1, 2]);
  });

  it('continue numbering after one was deleted or corrupted', async () => {
    await start();
    await client.setPolicy('cameras', { thresholds: [1, 1] });
    await client.setPolicy('cameras', { thresholds: [2, 2] });
    const bucket = await bus.jetstream().views.kv(policyBucket);
    await bucket.delete('cameras');
    expect(await client.getPolicy('cameras')).toBeNull();
    expect((await client.setPolicy('cameras', { thresholds: [3, 3] })).policy.version).toBe(3);
    await bucket.put('cameras', 'garbage');
    expect((await client.setPolicy('cameras', { thresholds: [4, 4] })).policy.version).toBe(4);
    expect((await client.policyHistory('cameras')).map(({ version }) => version)).toEqual([1, 2, 3, 4]);
  });

  it('apply one threshold to all branches that the devices report', async () => {
    await start();
    await expect(client.setPolicy('cameras', { thresholds: [0.9] })).rejects.toThrow(
      withCode('POLICY_INVALID'),
    );
    await publish({ branches: 3 });
    await expect.poll(() => samplesOf(), eventually).toBe(11);
    const { policy, onlineDevices } = await client.setPolicy('cameras', { thresholds: [0.9] });
    expect(policy.thresholds).toEqual([0.9, 0.9, 0.9]);
    expect(onlineDevices).toBe(1);
    expect(await device()).toMatchObject({ newestPolicyVersion: 1, expectedPolicyVersion: 1 });
    await expect(client.setPolicy('cameras', { thresholds: [0.9, 0.8] })).rejects.toThrow(
      'expected one threshold per branch; group cameras has 1 device with 3 branches (cam-1), found 2',
    );
    await publish({ device: 'cam-2', branches: 2 });
    await expect.poll(() => samplesOf('cam-2'), eventually).toBe(10);
    await expect(client.setPolicy('cameras', { thresholds: [0.9] })).rejects.toMatchObject({
      code: 'POLICY_INVALID',
      message: expect.stringContaining('1 device with 2 branches (cam-2) and 1 with 3 (cam-1)'),
      hint: expect.stringContaining('one threshold per branch'),
    });
  });

  it.each([
    ['no group', { group: '', thresholds: [1, 1] }, 'CONFIG_INVALID'],
    ['an invalid group', { group: 'a.b', thresholds: [1, 1] }, 'CONFIG_INVALID'],
    ['no threshold', { group: 'cameras', thresholds: [] }, 'REQUEST_INVALID'],
    ['an infinite threshold', { group: 'cameras', thresholds: [1e39, 1] }, 'REQUEST_INVALID'],
    [
      'a reason that is too long',
      { group: 'g', thresholds: [1, 1], reason: 'x'.repeat(501) },
      'REQUEST_INVALID',
    ],
  ])('are rejected with %s', async (_, { group, ...options }, code) => {
    await start();
    await expect(client.setPolicy(group, options)).rejects.toThrow(withCode(code));
  });
});

describe('on the bus', () => {
  it('answers an invalid request with an error', async () => {
    await start();
    const reply = await bus.request('offramp.v1.controller.policy.set', Buffer.from('garbage'));
    expect(reply.headers?.get('Offramp-Error-Code')).toBe('REQUEST_INVALID');
    expect(reply.headers?.get('Nats-Service-Error-Code')).toBe('400');
    await expect(client.getPolicy('cameras')).rejects.toThrow(withCode('NOT_FOUND'));
  });

  it('can be inspected as a NATS service', async () => {
    await start();
    await publish({});
    await expect.poll(() => samplesOf(), eventually).toBe(10);
    const stats = await bus.request('$SRV.STATS.offramp-controller');
    expect(stats.json<{ endpoints: { data: unknown }[] }>().endpoints[0]?.data).toMatchObject({
      ...{ devices: 1, counted: 1, invalid: 0 },
    });
  });

  it('reports that there is no controller', async () => {
    await expect(client.listDevices()).rejects.toThrow(withCode('CONTROLLER_UNAVAILABLE'));
    const controller = await start();
    await client.listDevices();
    await controller.stop();
    await expect(client.listDevices()).rejects.toThrow(withCode('CONTROLLER_UNAVAILABLE'));
    await bus.close();
    await expect(client.listDevices()).rejects.toThrow(withCode('NATS_UNAVAILABLE'));
  });

  it('reports that a controller does not answer in time', async () => {
    bus.subscribe('offramp.v1.controller.>', { callback: () => undefined });
    await bus.flush();
    const impatient = new ControllerClient(bus, { timeoutMs: 50 });
    await expect(impatient.getPolicy('cameras')).rejects.toThrow('did not answer within 50 ms');
  });

  it('recovers when NATS restarts with its files', async () => {
    const kept = await startNatsServer({ storeDir: `${nats.storeDir}/kept` });
    let current = kept;
    cleanUps.push(() => current.stop());
    bus = await connectBus({ url: kept.url, name: 'test' });
    const ownBus = bus;
    cleanUps.push(() => ownBus.close());
    client = new ControllerClient(bus, { timeoutMs: 1_000 });
    await start({ nats: kept.url });
    await publish({ sequence: 1 });
    await client.setPolicy('cameras', { thresholds: [0.9, 0.8] });
    await expect.poll(() => samplesOf(), eventually).toBe(10);

    await kept.stop();
    current = await startNatsServer({ port: kept.port, storeDir: kept.storeDir });
    await expect
      .poll(
        () =>
          publish({ sequence: 2 }).then(
            () => true,
            () => false,
          ),
        eventually,
      )
      .toBe(true);
    await expect.poll(() => samplesOf().catch(() => 0), eventually).toBe(20);
    expect((await client.setPolicy('cameras', { thresholds: [0.7, 0.6] })).policy.version).toBe(2);
  });

  it('recovers when NATS restarts without data', async () => {
    await start();
    for (const sequence of [1, 2, 3]) await publish({ sequence });
    await expect.poll(() => samplesOf(), eventually).toBe(30);
    await nats.stop();
    const empty = await startNatsServer({ port: nats.port });
    cleanUps.push(() => empty.stop());
    await expect
      .poll(
        () =>
          publish({ sequence: 4 }).then(
            () => true,
            () => false,
          ),
        eventually,
      )
      .toBe(true);
    await expect.poll(() => samplesOf().catch(() => 0), eventually).toBe(40);
    await expect
      .poll(
        () =>
          client.setPolicy('cameras', { thresholds: [1, 1] }).then(
            ({ policy }) => policy.version,
            () => 0,
          ),
        eventually,
      )
      .toBe(1);
  });

  it('recovers when its consumer or the stream is deleted', async () => {
    await start();
    await publish({ sequence: 1 });
    await expect.poll(() => samplesOf(), eventually).toBe(10);
    const manager = await bus.jetstreamManager();
    for await (const { name } of manager.consumers.list(telemetryStream)) {
      await manager.consumers.delete(telemetryStream, name);
    }
    await publish({ sequence: 2 });
    await expect.poll(() => samplesOf(), eventually).toBe(20);
    await manager.streams.delete(telemetryStream);
    await expect
      .poll(
        () =>
          publish({ sequence: 3 }).then(
            () => true,
            () => false,
          ),
        eventually,
      )
      .toBe(true);
    await expect.poll(() => samplesOf(), eventually).toBe(30);
  });

  it('stops while NATS is away', async () => {
    const controller = await start();
    await nats.stop();
    await controller.stop();
    await expect(controller.done).resolves.toBeUndefined();
  });

  it('sets the stream to the configured retention', async () => {
    const first = await start();
    await first.stop();
    await start({ telemetryMaxBytes: 2 ** 22, telemetryMaxAgeMs: 60_000 });
    const { config } = await (await bus.jetstreamManager()).streams.info(telemetryStream);
    expect(config).toMatchObject({
      max_bytes: 2 ** 22,
      max_age: 60e9,
      duplicate_window: 60e9,
      discard: 'old',
    });
  });
});

describe('at start', () => {
  it('reports that there is no NATS server', async () => {
    await nats.stop();
    await expect(start()).rejects.toThrow(withCode('NATS_UNAVAILABLE'));
  });

  it('waits for the NATS server on request', async () => {
    await nats.stop();
    const started = start({ waitForNats: true });
    const late = await startNatsServer({ port: nats.port });
    cleanUps.splice(1, 0, () => late.stop());
    await started;
    await expect
      .poll(
        () =>
          client.listDevices().then(
            () => true,
            () => false,
          ),
        eventually,
      )
      .toBe(true);
  });

  it('reports that the NATS server has no JetStream', async () => {
    const plain = await startNatsServer({ jetStream: false });
    cleanUps.push(() => plain.stop());
    await expect(start({ nats: plain.url })).rejects.toMatchObject({
      code: 'JETSTREAM_UNAVAILABLE',
      hint: expect.stringContaining('nats-server -js'),
    });
  });
});

describe('evidence', () => {
  const evidence = [
    {
      ...{ policyVersion: 2, samples: 10, left: [6, 3, 1], offloaded: 4, audited: 1, auditsChosen: 2 },
      confidence: [
        { firstBin: 60, counts: [10] },
        { firstBin: 3, counts: [4] },
      ],
      audits: [{ agreed: { firstBin: 60, counts: [1] } }, {}],
      auditRecords: Uint8Array.of(0, 60 + 128, 3),
    },
  ];

  it('is the evidence of the devices of a group, counted once', async () => {
    await start();
    for (const sequence of [1, 2, 1, 2]) await publish({ sequence, evidence, latenciesMs: [5, 6] });
    await publish({ device: 'cam-2', evidence, latenciesMs: [7] });
    const samples = async (device?: string) =>
      (await client.getEvidence('cameras', device)).bundles[0]?.policies[0]?.samples;
    await expect.poll(() => samples(), eventually).toBe(30);
    expect(await samples('cam-1')).toBe(20);
    const { bundles, windowMs } = await client.getEvidence('cameras');
    expect(bundles).toMatchObject([{ bundleDigest: '07'.repeat(32), branches: 2 }]);
    const [policy] = bundles[0]?.policies ?? [];
    expect(policy).toMatchObject({ policyVersion: 2, left: [18, 9, 3], audited: 3, auditsChosen: 6 });
    expect(policy?.exits[0]?.histogram[60]).toBe(30);
    expect(policy?.exits[0]?.audits.agreed[60]).toBe(3);
    expect(policy?.records).toHaveLength(3);
    expect(policy?.latency.count).toBe(5);
    expect(windowMs).toBeGreaterThanOrEqual(0);
    await expect(client.getEvidence('doors')).rejects.toEqual(withCode('NOT_FOUND'));
    await expect(client.getEvidence('no group')).rejects.toEqual(withCode('CONFIG_INVALID'));
  });

  it('is shown over HTTP', async () => {
    const controller = await start({ listen: '127.0.0.1:0' });
    await publish({ evidence, latenciesMs: [5, 6] });
    await expect.poll(async () => (await client.getEvidence('cameras')).bundles.length, eventually).toBe(1);
    const get = async (path: string) => {
      const response = await fetch(`${controller.httpAddress}${path}`);
      return [response.status, await response.json()];
    };
    const shown = { policyVersion: 2, samples: 10, records: 1 };
    // Latencies of single devices are not kept.
    for (const [of, samples] of [
      ['', 2],
      ['/devices/cam-1', 0],
    ] as const) {
      expect(await get(`/v1/groups/cameras${of}/evidence`)).toMatchObject([
        200,
        { bundles: [{ branches: 2, policies: [{ ...shown, latency: { samples } }] }] },
      ]);
    }
    expect(await get('/v1/groups/doors/evidence')).toMatchObject([404, { error: { code: 'NOT_FOUND' } }]);
    expect(await get('/v1/groups/no%20group/evidence')).toMatchObject([
      400,
      { error: { code: 'CONFIG_INVALID' } },
    ]);
    expect(await get('/v1/nothing')).toMatchObject([404, { error: { code: 'REQUEST_INVALID' } }]);
    expect(await get('/readyz')).toEqual([200, { status: 'ready' }]);
    await expect(start({ listen: controller.httpAddress?.replace('http://', '') })).rejects.toEqual(
      withCode('PORT_IN_USE'),
    );
  });
});

describe('audits of a policy', () => {
  it('are set with thresholds or without, and stay if they are not given', async () => {
    await start();
    await expect(client.setPolicy('cameras', { auditRate: 0.01 })).rejects.toEqual(
      withCode('POLICY_INVALID'),
    );
    const set = async (options: SetPolicyOptions) => (await client.setPolicy('cameras', options)).policy;
    expect(await set({ thresholds: [0.9, 0.8] })).toMatchObject({
      auditRate: 0,
      maxAuditBytesPerHour: 2 ** 24,
    });
    expect(await set({ auditRate: 0.01 })).toMatchObject({
      version: 2,
      thresholds: [0.9, 0.8],
      auditRate: 0.01,
    });
    expect(await set({ maxAuditBytesPerHour: 1_000 })).toMatchObject({ auditRate: 0.01 });
    expect(await set({ thresholds: [0.7, 0.6] })).toMatchObject({
      ...{ version: 4, thresholds: [0.7, 0.6], auditRate: 0.01, maxAuditBytesPerHour: 1_000 },
    });
    expect(await set({ auditRate: 0 })).toMatchObject({ thresholds: [0.7, 0.6], auditRate: 0 });
    for (const auditRate of [-0.1, 1.1, Number.NaN]) {
      await expect(client.setPolicy('cameras', { auditRate })).rejects.toEqual(withCode('REQUEST_INVALID'));
    }
    const history = await client.policyHistory('cameras');
    expect(history.map(({ auditRate }) => auditRate)).toEqual([0, 0.01, 0.01, 0.01, 0]);
  });

  it('default to none in a policy without them', async () => {
    await start();
    const old = v1.Policy.encode({ group: 'cameras', version: 3, thresholds: [0.5] }).finish();
    await (await bus.jetstream().views.kv(policyBucket)).put('cameras', old);
    expect(await client.getPolicy('cameras')).toMatchObject({
      version: 3,
      auditRate: 0,
      maxAuditBytesPerHour: 2 ** 24,
    });
  });
});
