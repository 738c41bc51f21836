import { Bundle, InferencePool, runStage } from '@offramp/bundle';
import { startWorker, type Worker, workerConfig } from '@offramp/cloud-worker';
import { connectBus, neverExit, type PolicyEvidence } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { type Controller, ControllerClient, controllerConfig, startController } from '@offramp/controller';
import { openDataset, pictureChannels, preprocess } from '@offramp/data';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { Events, type NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundlePath, picturesPath, temporaryFolder } from './support/example.js';
import { type FleetAgent, seededRandom, startFleetAgent } from './support/fleet-agent.js';

const silent = createLogger('test', 'silent');
const eventually = { timeout: 60_000, interval: 20 };

let bundle: Bundle;
let storeDir: string;
let nats: NatsServer;
let bus: NatsConnection;
let client: ControllerClient;
let cleanUps: (() => Promise<unknown>)[];

beforeEach(async () => {
  bundle = await Bundle.open(bundlePath);
  const folder = await temporaryFolder();
  storeDir = folder.path;
  nats = await startNatsServer({ storeDir });
  cleanUps = [folder.remove, () => nats.stop()];
  bus = await connectBus({ url: nats.url, name: 'test' });
  cleanUps.push(() => bus.close());
  client = new ControllerClient(bus, { timeoutMs: 20_000 });
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

async function startTestController(): Promise<Controller> {
  const config = await resolveConfig(controllerConfig, { nats: nats.url, listen: '127.0.0.1:0' }, {});
  const controller = await startController(config, silent);
  controller.done.catch(() => undefined);
  cleanUps.push(() => controller.stop());
  return controller;
}

async function startTestWorker(): Promise<Worker> {
  const flags = { bundle: [bundlePath], listen: '127.0.0.1:0', statsIntervalMs: 0, threads: 1 };
  const worker = await startWorker(await resolveConfig(workerConfig, flags, {}), silent);
  cleanUps.push(() => worker.stop());
  return worker;
}

async function start(...args: Parameters<typeof startFleetAgent>): Promise<FleetAgent> {
  const agent = await startFleetAgent(...args);
  cleanUps.push(() => agent.agent.stop());
  return agent;
}

/** Thresholds of one value at each branch. */
const always = (threshold: number) => new Array<number>(bundle.branches).fill(threshold);
const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
const policies = async () => (await client.getEvidence('default')).bundles[0]?.policies ?? [];
const backlogOf = ({ agent }: FleetAgent) => agent.status().nats?.telemetryBacklog;

/** What the whole backbone says of the first pictures. */
async function finalLabels(count: number): Promise<number[]> {
  const { input } = bundle.manifest;
  const pictures = await openDataset(picturesPath, { split: 'test', channels: pictureChannels(input) });
  const pool = await InferencePool.create(bundle);
  try {
    const labels: number[] = [];
    for (let i = 0; i < count; i++) {
      const sample = { thresholds: neverExit(bundle.branches), passed: [] };
      let activation = await preprocess((await pictures.read(i)).picture, input);
      for (let stage = 0; stage <= bundle.branches; stage++) {
        const step = await runStage(pool, stage, [sample], activation);
        activation = new Float32Array(step.activation);
        if (step.answered[0]) labels.push(step.answered[0].outcome.label);
      }
    }
    return labels;
  } finally {
    await pool.close();
  }
}

test('audits tell whether early answers agree with the backbone, on the device and on a worker', async () => {
  const pictures = 150;
  await startTestController();
  const worker = await startTestWorker();
  await client.setPolicy('default', { thresholds: always(0.5), auditRate: 1 });
  const device = { nats: nats.url, limit: pictures, rate: 40, telemetryIntervalMs: 200 };
  const agents = [
    await start({ ...device, device: 'whole', deviceStages: bundle.branches + 1 }),
    await start({
      ...device,
      device: 'split',
      deviceStages: 1,
      cloud: worker.address,
      offloadTimeoutMs: 60_000,
    }),
  ];
  for (const { agent } of agents) await agent.done;
  const labels = await finalLabels(pictures);
  for (const { agent, answers } of agents) {
    const { device: name } = agent.status();
    const [policy] = (await client.getEvidence('default', name)).bundles[0]?.policies ?? [];
    if (!policy) throw new Error(`no evidence of ${name}`);
    const early = answers.filter(({ exit }) => exit < bundle.branches);
    const agreeing = early.filter(({ id, labelIndex }) => labelIndex === labels[id - 1]).length;
    const { audited, auditedFinal, auditsChosen, auditsDropped, exits } = policy;
    const dropped = total(Object.values(auditsDropped));
    expect(auditsChosen).toBe(audited + auditedFinal + dropped);
    // Those that are answered while the device stops are chosen no more.
    const unknown = dropped + pictures - auditsChosen;
    expect(auditedFinal).toBeLessThanOrEqual(pictures - early.length);
    expect(audited).toBeLessThanOrEqual(early.length);
    expect(audited).toBeGreaterThan(0);
    const agreed = total(exits.map(({ audits }) => total(audits.agreed)));
    const disagreed = total(exits.map(({ audits }) => total(audits.disagreed)));
    expect(agreed + disagreed).toBe(audited);
    expect(agreed).toBeLessThanOrEqual(agreeing);
    expect(agreed).toBeGreaterThanOrEqual(agreeing - unknown);
    expect(agent.status().totals.audits.bytes > 0).toBe(name === 'split');
    expect(policy.auditBytes).toBe(agent.status().totals.audits.bytes);
    for (const record of policy.records) expect(record.exits).toHaveLength(bundle.branches);
  }
});

test('a cut link, restarted devices and controllers lose no counts and count none twice', async () => {
  const first = await startTestController();
  let second = await startTestController();
  const worker = await startTestWorker();
  await client.setPolicy('default', { thresholds: always(0.6), auditRate: 0.3 });
  const agents: FleetAgent[] = [];
  const running = new Map<string, FleetAgent>();
  const startDevice = async (device: string) => {
    const agent = await start(
      {
        ...{ device, nats: nats.url, loop: true, rate: 60, telemetryIntervalMs: 30, maxTelemetryBacklog: 4 },
        ...(device === 'split'
          ? { deviceStages: 1, cloud: worker.address, offloadTimeoutMs: 60_000 }
          : { deviceStages: bundle.branches + 1 }),
      },
      seededRandom(agents.length + 1),
    );
    agents.push(agent);
    running.set(device, agent);
  };
  const stopDevice = async (device: string) => {
    const agent = running.get(device) as FleetAgent;
    await expect.poll(() => backlogOf(agent), eventually).toBeLessThan(2);
    await agent.stop();
  };
  for (const device of ['one', 'two', 'split']) await startDevice(device);

  for (let round = 0; round < 3; round++) {
    await nats.stop();
    const before = [...running.values()].map(({ answers }) => answers.length);
    for (const [i, { answers }] of [...running.values()].entries()) {
      await expect.poll(() => answers.length, eventually).toBeGreaterThan((before[i] as number) + 30);
    }
    const reconnected = nextReconnect();
    nats = await startNatsServer({ port: nats.port, storeDir });
    await reconnected;
    for (const { agent } of running.values()) {
      await expect.poll(() => agent.status().nats?.state, eventually).toBe('up');
    }
    await second.stop();
    second = await startTestController();
    await client.setPolicy('default', { thresholds: always(0.5 + round / 10) });
    const device = ['one', 'two', 'split'][round] as string;
    await stopDevice(device);
    await startDevice(device);
  }
  for (const device of running.keys()) await stopDevice(device);

  const answers = agents.flatMap((agent) => agent.answers.map((answer) => ({ ...answer, agent })));
  const reachedBranch = (branch: number) => (answer: (typeof answers)[number]) =>
    answer.degraded ? branch < answer.agent.agent.status().deviceStages : branch <= answer.exit;
  const expected = (under: (typeof answers)[number][]) => ({
    samples: under.length,
    left: Array.from(
      { length: bundle.branches + 1 },
      (_, exit) => under.filter((answer) => !answer.degraded && answer.exit === exit).length,
    ),
    degraded: under.filter(({ degraded }) => degraded).length,
    offloaded: under.filter(({ offloaded }) => offloaded).length,
    latencies: under.length,
    reached: Array.from(
      { length: bundle.branches },
      (_, branch) => under.filter(reachedBranch(branch)).length,
    ),
  });
  const found = ({ samples, left, degraded, offloaded, latency, exits }: PolicyEvidence) => ({
    ...{ samples, left, degraded, offloaded, latencies: latency.count },
    reached: exits.map(({ histogram }) => total(histogram)),
  });
  const versions = [...new Set(answers.map(({ policyVersion }) => policyVersion))].sort((a, b) => a - b);
  expect(versions.length).toBeGreaterThan(2);
  await expect
    .poll(async () => (await policies()).map(found), eventually)
    .toEqual(
      versions.map((version) => expected(answers.filter(({ policyVersion }) => policyVersion === version))),
    );

  // Whichever controller has read as far says the same: one that saw all of it, and one that came at the end.
  const third = await startTestController();
  const shownBy = async ({ httpAddress }: Controller) =>
    (await fetch(`${httpAddress}/v1/groups/default/evidence`)).json();
  const shown = await shownBy(third);
  for (const other of [first, second]) await expect.poll(() => shownBy(other), eventually).toEqual(shown);

  const audits = agents.map(({ agent }) => agent.status().totals.audits);
  const evidence = await policies();
  const sumOf = (of: (policy: PolicyEvidence) => number) => total(evidence.map(of));
  expect(sumOf(({ audited }) => audited)).toBe(total(audits.map(({ ended }) => ended)));
  expect(sumOf(({ audited }) => audited)).toBeGreaterThan(0);
  expect(sumOf(({ exits }) => total(exits.map((exit) => total(exit.audits.agreed))))).toBe(
    total(audits.map(({ agreed }) => agreed)),
  );
  expect(sumOf(({ auditsDropped }) => total(Object.values(auditsDropped)))).toBe(
    total(audits.map(({ dropped }) => dropped)),
  );
  expect(sumOf(({ auditBytes }) => auditBytes)).toBe(total(audits.map(({ bytes }) => bytes)));
  // Every chosen sample came to an end of one kind or another.
  expect(sumOf(({ auditsChosen }) => auditsChosen)).toBe(
    sumOf(
      ({ audited, auditedFinal, auditsDropped }) =>
        audited + auditedFinal + total(Object.values(auditsDropped)),
    ),
  );
});

async function nextReconnect() {
  for await (const { type } of bus.status()) if (type === Events.Reconnect) return;
}
