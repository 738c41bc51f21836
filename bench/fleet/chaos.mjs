#!/usr/bin/env node
// Kills controllers, NATS and devices, cuts devices off and sets clocks wrong. Afterwards all counts must agree:
// `npm run build && node bench/fleet/chaos.mjs [--kills 100] [--restarts 20] [--seed 1] > bench/fleet/chaos.md`. Prints Markdown;
// exits with 1 on a discrepancy. Three real controllers, whose clocks are an hour apart, a real NATS server that is
// killed like them, and simulated devices whose input distribution changes repeatedly, so that decisions never stop.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bundle, parseCalibrationTable } from '@offramp/bundle';
import { connectBus, leaseBucket, policyBucket, telemetryStream, v1 } from '@offramp/contracts';
import { startNatsServer } from '@offramp/contracts/testing';
import { ControllerClient } from '@offramp/controller';
import { rowsOf } from './support/exit-tables.mjs';
import { CloudModel } from './support/fleet/cloud-model.mjs';
import { ControlClient, readStream } from './support/fleet/control-client.mjs';
import { ControllerProcess } from './support/fleet/controller-process.mjs';
import {
  countedReports,
  reconcileDevices,
  reconcilePolicies,
  reconcileRegister,
  reconcileReports,
  reconcileState,
} from './support/fleet/reconcile.mjs';
import { SimulatedFleet } from './support/fleet/simulated-fleet.mjs';
import { randomFrom } from './support/random.mjs';
import { trafficOf } from './support/simulate-group.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    bundle: { type: 'string', default: here('../../examples/fashion-mnist/bundle') },
    kills: { type: 'string', default: '100' },
    restarts: { type: 'string', default: '20' },
    groups: { type: 'string', default: '3' },
    devices: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
  },
});
const [kills, restarts, seed] = [flags.kills, flags.restarts, flags.seed].map(Number);
const random = randomFrom(seed);
const controllers = 3;
const leaseTtlMs = 2_000;
const tuneEveryMs = 250;
const longestLifeMs = 3_000;
const phaseSamples = 1_500;
const longestPartitionMs = 8_000;
const settleMs = 120_000;
const collectEveryMs = 500;
const historyDeadlineMs = 5_000;
const hourMs = 3_600_000;
const say = (what) => console.error(`${Math.round(performance.now() / 1_000)} s: ${what}`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const groups = Array.from({ length: Number(flags.groups) }, (_, i) => `chaos-${i}`);

const bundle = await Bundle.open(flags.bundle);
const phases = easyAndHard();

const storeDir = mkdtempSync(join(tmpdir(), 'offramp-chaos-'));
process.once('exit', () => rmSync(storeDir, { recursive: true, force: true }));
let nats = await startNatsServer({ storeDir });
const instances = new Map();
let started = 0;
for (let i = 0; i < controllers; i++) await startController();

const fleet = await SimulatedFleet.open({
  ...{
    seed,
    url: nats.url,
    bundle,
    cloud: new CloudModel(bundle.manifest),
    windowMs: 500,
    samplesPerSecond: 20,
  },
  groups: groups.map((name) => ({ name, devices: Number(flags.devices) })),
  trafficAt: (_, samples) => phases[Math.floor(samples / phaseSamples) % phases.length],
});
fleet.devices.forEach((device, i) => {
  device.clockRate = 1 + (i % 5) / 50;
});
const bus = await connectBus({ url: nats.url, name: 'offramp-chaos' });
const control = await ControlClient.open(bus);
const client = new ControllerClient(bus, { timeoutMs: 10_000 });
const lease = await bus.jetstream().views.kv(leaseBucket);
const policies = new Map(groups.map((group) => [group, []]));
collectPolicies();
for (const group of groups) await control.setGoals(group, [{ kind: 'agreement', floor: 0.98 }]);
fleet.start();
say('devices run');

const done = { kills: 0, restarts: 0, partitions: 0, crashes: 0, repeats: 0 };
const mischief = setInterval(disturbDevices, 400);
while (done.kills < kills || done.restarts < restarts) {
  await sleep(longestLifeMs * random.uniform());
  if (done.kills < kills) await killLeader();
  if (done.restarts < Math.ceil((restarts * done.kills) / Math.max(1, kills))) await restartNats();
}
clearInterval(mischief);
for (const device of fleet.devices) fleet.link.heal(device);
await fleet.stop();
say('devices have stopped');
const problems = await reconcile();

const decided = [...policies.values()].map((history) =>
  Math.max(0, ...history.map(({ version }) => version)),
);
const answered = [...fleet.samples.values()].reduce((sum, count) => sum + count, 0);
console.log(`# Reconciliation after failures

${controllers} controllers, clocks an hour apart; ${groups.length} groups of ${flags.devices} devices, seed ${seed}; the input distribution changes every ${phaseSamples} samples of a group.

| what | number |
|---|---|
| leader killed (SIGKILL) | ${done.kills} |
| NATS server killed and started again | ${done.restarts} |
| devices cut off for up to ${longestPartitionMs / 1_000} s | ${done.partitions} |
| devices killed | ${done.crashes} |
| reports published again without a message id | ${done.repeats} |
| samples answered | ${answered} |
| policies | ${decided.join(' + ')} |
| **discrepancies** | **${problems.length}** |
`);
for (const problem of problems) console.log(`- ${problem}`);
await fleet.close();
await bus.close();
for (const controller of instances.values()) await controller.stop('atOnce');
await nats.stop();
process.exit(problems.length === 0 ? 0 : 1);

/** The calibration table, and one that takes nine of ten samples from the half with the lower confidences at the first branch. */
function easyAndHard() {
  const table = parseCalibrationTable(
    readFileSync(join(flags.bundle, bundle.manifest.calibration.table.path), 'utf8'),
    'calibration table',
  );
  const rows = Array.from({ length: table.samples }, (_, row) => row);
  const { confidence } = table.branches[0];
  const sorted = rows.toSorted((a, b) => confidence[a] - confidence[b]);
  const half = sorted.slice(0, table.samples / 2);
  const hard = [...half, ...sorted.slice(table.samples / 2).filter((_, i) => i % 9 === 0)];
  return [table, rowsOf(table, hard)].map(trafficOf);
}

async function startController() {
  const name = `controller-${++started}`;
  const skewMs = (started % controllers) * hourMs;
  const controller = await ControllerProcess.start(
    [
      ...['--nats', nats.url, '--bundle', flags.bundle, '--instance-name', name, '--wait-for-nats'],
      ...['--lease-ttl-ms', String(leaseTtlMs), '--tune-every-ms', String(tuneEveryMs)],
    ],
    {
      execArgv: ['--import', here('support/fleet/skewed-clock.mjs')],
      env: { OFFRAMP_BENCH_CLOCK_SKEW_MS: String(skewMs) },
    },
  );
  instances.set(name, controller);
}

async function leader() {
  const entry = await lease.get('leader').catch(() => null);
  return entry?.operation === 'PUT' ? entry.json().instance : null;
}

async function killLeader() {
  const name = await leader();
  const controller = instances.get(name);
  if (!controller) return;
  instances.delete(name);
  await controller.stop('atOnce');
  done.kills++;
  say(`killed ${name}, which led`);
  await startController();
  while ((await leader()) === name) await sleep(50);
}

async function restartNats() {
  await nats.stop();
  await sleep(1_000 * random.uniform());
  nats = await startNatsServer({ storeDir, port: nats.port });
  done.restarts++;
  say('NATS is back');
}

function disturbDevices() {
  const device = fleet.devices[random.integer(fleet.devices.length)];
  const what = random.uniform();
  if (device.partitioned) return;
  if (what < 0.3) {
    device.partitioned = true;
    done.partitions++;
    setTimeout(() => fleet.link.heal(device), longestPartitionMs * random.uniform());
  } else if (what < 0.4) {
    fleet.crash(device);
    done.crashes++;
  } else if (what < 0.6) {
    fleet.link.repeat(device).then(
      (repeated) => {
        done.repeats += repeated ? 1 : 0;
      },
      () => undefined,
    );
  }
}

/** Every policy that the bucket has held, in order. The bucket itself keeps only the newest. */
async function collectPolicies() {
  const last = new Map();
  const bucket = await bus.jetstream().views.kv(policyBucket, { bindOnly: true });
  for (;;) {
    await sleep(collectEveryMs);
    for (const group of groups) {
      for (const { revision, operation, value } of await historyOf(bucket, group)) {
        if (operation !== 'PUT' || revision <= (last.get(group) ?? 0)) continue;
        last.set(group, revision);
        policies.get(group).push(v1.Policy.decode(value));
      }
    }
  }
}

/** Empty if NATS goes away meanwhile; the next call reads it. */
async function historyOf(bucket, key) {
  const entries = [];
  try {
    const history = await bucket.history({ key });
    const giveUp = setTimeout(() => history.stop(), historyDeadlineMs);
    for await (const entry of history) if (entry) entries.push(entry);
    clearTimeout(giveUp);
    return entries;
  } catch {
    return [];
  }
}

/** Waits until controllers have counted all reports in the stream, then compares. */
async function reconcile() {
  const manager = await bus.jetstreamManager();
  const { state } = await manager.streams.info(telemetryStream);
  const until = performance.now() + settleMs;
  const stored = await readStream(bus, telemetryStream, state, ({ data, info }) =>
    Object.assign(v1.TelemetryReport.decode(data), { place: info.streamSequence }),
  );
  for (const group of groups) {
    const last = stored.findLast((report) => report.group === group).place;
    while ((await control.stateOf(group)).upTo < last && performance.now() < until) await sleep(200);
  }
  await sleep(4 * tuneEveryMs);
  const counted = countedReports(stored);
  const events = await control.events();
  const { devices: listed } = await client.listDevices();
  const states = await Promise.all(groups.map((group) => control.stateOf(group)));
  return [
    ...reconcileReports(fleet.devices, counted),
    ...groups.flatMap((group, i) => reconcileState(group, states[i], counted)),
    ...reconcileRegister(fleet.devices, listed),
    ...groups.flatMap((group) =>
      reconcilePolicies(
        group,
        policies.get(group),
        events.filter((event) => event.group === group),
      ),
    ),
    ...reconcileDevices(fleet.devices, policies),
  ];
}
