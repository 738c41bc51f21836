#!/usr/bin/env node
// What a controller costs as the fleet grows, and how fast a policy reaches it:
// `npm run build && node bench/fleet/scale.mjs [--devices 1000,3000] [--plot FILE] > bench/fleet/scale.md`. Prints Markdown.
// Each device reports once in ten seconds, with the agent's own code, and has its own `PolicyWatcher`, which
// subscribes to its group's policies and reads the bucket every 30 seconds. Processor time is measured per process, so other
// programs on the machine do not count.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bundle, parseCalibrationTable } from '@offramp/bundle';
import { controllerService } from '@offramp/contracts';
import { startNatsServer } from '@offramp/contracts/testing';
import { ControllerClient } from '@offramp/controller';
import { CloudModel } from './support/fleet/cloud-model.mjs';
import { ControlClient } from './support/fleet/control-client.mjs';
import { ControllerProcess, processUsage } from './support/fleet/controller-process.mjs';
import { scalePlot } from './support/fleet/scale-plot.mjs';
import { SimulatedFleet } from './support/fleet/simulated-fleet.mjs';
import { trafficOf } from './support/simulate-group.mjs';

const { values: flags } = parseArgs({
  options: {
    bundle: {
      type: 'string',
      default: fileURLToPath(new URL('../../examples/fashion-mnist/bundle', import.meta.url)),
    },
    devices: { type: 'string', default: '1000,3000,10000,30000' },
    seconds: { type: 'string', default: '30' },
    policies: { type: 'string', default: '5' },
    plot: { type: 'string' },
    /** A folder for a processor profile of each controller. */
    profile: { type: 'string' },
  },
});
const counts = flags.devices.split(',').map(Number);
const measureMs = 1_000 * Number(flags.seconds);
const windowMs = 10_000;
/** Until the first thresholds are found. */
const settleMs = 20_000;
const samplesPerSecond = 1;
const devicesPerConnection = 1_000;
const group = 'fleet';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const bundle = await Bundle.open(flags.bundle);
const { path } = bundle.manifest.calibration.table;
const traffic = trafficOf(
  parseCalibrationTable(readFileSync(`${flags.bundle}/${path}`, 'utf8'), 'calibration table'),
);
const rows = [];
for (const devices of counts) {
  rows.push(await measure(devices));
  console.error(JSON.stringify(rows.at(-1)));
}

const share = (value) => `${(100 * value).toFixed(1)} %`;
const mebibytes = (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`;
const ms = (value) => `${Math.round(value)} ms`;
const worst = (values) => Math.max(...values);
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
console.log(`# One controller and 1,000 to 30,000 devices

One report in ${windowMs / 1_000} s from each device, of ${(samplesPerSecond * windowMs) / 1_000} samples; ${bundle.branches} branches of \`${bundle.manifest.name}\`; all devices in one group with a goal of 98 % agreement.
Measured for ${flags.seconds} s, after every device has
reported. CPU: share of one core.

| devices | controller: CPU | memory | per report | NATS: CPU | memory | bytes a report | restart: time | CPU |
|---|---|---|---|---|---|---|---|---|`);
for (const row of rows) {
  console.log(
    `| ${row.devices} | ${share(row.controllerCpu)} | ${mebibytes(row.controllerBytes)} | ${Math.round(row.perReportUs)} µs | ${share(row.natsCpu)} | ${mebibytes(row.natsBytes)} | ${Math.round(row.reportBytes)} | ${row.restartSeconds.toFixed(1)} s | ${row.restartCpuSeconds.toFixed(1)} s |`,
  );
}
console.log(`
*Restart*: a second controller reads what the stream holds (${rows.map((row) => row.stored).join(', ')} reports).

## Distribution of a policy

Every device has its own subscription. ${flags.policies} policies, one after the other; time from the call that sets one until devices have applied it. All
of them then report at once.

| devices | 99 %: median | worst | all: median | worst | until the controller has counted their reports | its CPU for it | all devices' first read |
|---|---|---|---|---|---|---|---|`);
for (const { devices, rollouts, readSeconds } of rows) {
  const column = (name) => rollouts.map((rollout) => rollout[name]);
  console.log(
    `| ${devices} | ${ms(median(column('most')))} | ${ms(worst(column('most')))} | ${ms(median(column('all')))} | ${ms(worst(column('all')))} | ${ms(worst(column('counted')))} | ${worst(column('cpuSeconds')).toFixed(2)} s | ${readSeconds.toFixed(1)} s |`,
  );
}
if (flags.plot) writeFileSync(flags.plot, scalePlot(rows));
process.exit();

async function measure(devices) {
  const nats = await startNatsServer();
  const args = ['--nats', nats.url, '--bundle', flags.bundle, '--max-devices', String(devices + 1_000)];
  const execArgv = flags.profile ? ['--cpu-prof', `--cpu-prof-dir=${flags.profile}`] : [];
  const controller = await ControllerProcess.start(args, { execArgv });
  const startFrom = performance.now();
  const fleet = await SimulatedFleet.open({
    ...{ seed: devices, url: nats.url, bundle, windowMs, samplesPerSecond },
    cloud: new CloudModel(bundle.manifest),
    trafficAt: () => traffic,
    groups: [{ name: group, devices }],
    link: { connections: Math.ceil(devices / devicesPerConnection), ownWatch: () => true },
  });
  const readSeconds = (performance.now() - startFrom) / 1_000;
  const { bus } = fleet.link;
  const client = new ControllerClient(bus, { timeoutMs: 30_000 });
  const counted = async () => {
    const reply = await bus.request(`$SRV.STATS.${controllerService}`, '', { timeout: 30_000 });
    return reply.json().endpoints[0].data.counted;
  };
  const caughtUp = async () => {
    while ((await counted()) < fleet.link.acknowledged) await sleep(20);
  };
  fleet.start();
  await sleep(windowMs + 2_000);
  await (await ControlClient.open(bus)).setGoals(group, [{ kind: 'agreement', floor: 0.98 }]);
  await sleep(settleMs);

  const usage = () => ({
    at: performance.now(),
    acknowledged: fleet.link.acknowledged,
    controller: controller.usage(),
    nats: processUsage(nats.pid),
  });
  const before = usage();
  await sleep(measureMs);
  const after = usage();
  const seconds = (after.at - before.at) / 1_000;
  const cpu = (name) => after[name].cpuSeconds - before[name].cpuSeconds;
  const reports = after.acknowledged - before.acknowledged;

  const rollouts = [];
  for (let policy = 0; policy < Number(flags.policies); policy++) {
    rollouts.push(await rollOut(0.9 + policy / 100));
    await sleep(2_000);
  }
  const { state } = await (await bus.jetstreamManager()).streams.info('OFFRAMP_TELEMETRY');
  const startedAt = performance.now();
  const second = await ControllerProcess.start(args);
  const restartSeconds = (performance.now() - startedAt) / 1_000;
  const restartCpuSeconds = second.usage().cpuSeconds;
  await second.stop();
  await fleet.close();
  await controller.stop();
  await nats.stop();
  return {
    devices,
    readSeconds,
    rollouts,
    restartSeconds,
    restartCpuSeconds,
    stored: state.messages,
    reportBytes: state.bytes / state.messages,
    controllerCpu: cpu('controller') / seconds,
    controllerBytes: after.controller.residentBytes,
    perReportUs: (1e6 * cpu('controller')) / reports,
    natsCpu: cpu('nats') / seconds,
    natsBytes: after.nats.residentBytes,
  };

  async function rollOut(threshold) {
    const taken = { most: null, all: null, devices: 0 };
    // Real devices have answered by then; here, one process would do so for all of them when the policy comes.
    fleet.catchUp();
    const setAt = performance.now();
    const { cpuSeconds } = controller.usage();
    const reached = new Promise((resolve) => {
      fleet.onPolicy((_, __, offer) => {
        if (taken.all !== null || offer !== 'applied') return;
        taken.devices++;
        if (taken.devices === Math.ceil(0.99 * devices)) taken.most = performance.now() - setAt;
        if (taken.devices < devices) return;
        taken.all = performance.now() - setAt;
        resolve();
      });
    });
    await client.setPolicy(group, { thresholds: [threshold] });
    await reached;
    await fleet.link.flushed();
    await caughtUp();
    return {
      most: taken.most,
      all: taken.all,
      counted: performance.now() - setAt,
      cpuSeconds: controller.usage().cpuSeconds - cpuSeconds,
    };
  }
}
