#!/usr/bin/env node
// What deciding for many groups costs a controller, step by step:
// `npm run build && node bench/fleet/groups.mjs [--groups 200] [--concurrency 1,8] [--away 0,5] > bench/fleet/groups.md`. Prints Markdown.
// The controller's own driver over a real NATS server in this process; devices are fed into its registers without NATS.
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bundle, parseCalibrationTable } from '@offramp/bundle';
import {
  binOf,
  connectBus,
  EvidenceCounts,
  Lifecycle,
  leaves,
  openControlBucket,
  openPolicyBucket,
  v1,
} from '@offramp/contracts';
import { startNatsServer } from '@offramp/contracts/testing';
import { createLogger, systemClock } from '@offramp/runtime';
import { seededRandom } from '../../controller/dist/decide/testing/seeded-random.js';
import { EvidenceRegister } from '../../controller/dist/ingest/evidence/evidence-register.js';
import { FleetRegister } from '../../controller/dist/ingest/register/fleet-register.js';
import { WorkerRegister } from '../../controller/dist/ingest/register/worker-register.js';
import { readReport } from '../../controller/dist/ingest/report.js';
import { GroupDriver } from '../../controller/dist/lead/group-driver.js';
import { BundleTables } from '../../controller/dist/store/bundle-tables.js';
import { ControlStore } from '../../controller/dist/store/control-store.js';
import { EventLog } from '../../controller/dist/store/event-log.js';
import { PolicyStore } from '../../controller/dist/store/policy-store.js';

const { values: flags } = parseArgs({
  options: {
    bundle: {
      type: 'string',
      default: fileURLToPath(new URL('../../examples/fashion-mnist/bundle', import.meta.url)),
    },
    groups: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '12' },
    concurrency: { type: 'string', default: '1,8' },
    /** Round-trip time to NATS, in milliseconds. */
    away: { type: 'string', default: '0,5' },
  },
});
const devicesEach = 4;
const samplesEach = 30;
const logger = createLogger('bench', 'silent');
const clock = systemClock;
const bundle = await Bundle.open(flags.bundle);
const { path } = bundle.manifest.calibration.table;
const table = parseCalibrationTable(readFileSync(`${flags.bundle}/${path}`, 'utf8'), 'calibration table');
const names = Array.from({ length: Number(flags.groups) }, (_, i) => `group-${i}`);

const kinds = ['nothing new', 'evidence', 'a policy'];
const numbers = (list) => list.split(',').map(Number);
const rows = [];
for (const awayMs of numbers(flags.away)) {
  for (const concurrency of numbers(flags.concurrency)) rows.push(await measure(concurrency, awayMs));
}

const ms = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const quantile = (values, q) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN;
console.log(`# Many groups

${names.length} groups of ${devicesEach} devices with the goal of 98 % agreement; ${bundle.branches} branches of \`${bundle.manifest.name}\`. In each of ${flags.rounds} rounds, each device
reports ${samplesEach} samples, and every group makes a step; then another step without new evidence.

| delay of NATS | groups at a time | step | steps | median | 95 % | all groups, per group | processor, per group |
|---|---|---|---|---|---|---|---|`);
for (const { concurrency, awayMs, steps } of rows) {
  const where = `| ${awayMs} ms | ${concurrency}`;
  for (const kind of kinds) {
    const { times, wallMs, cpuMs } = steps[kind];
    const count = Math.max(1, times.length);
    const share = kind === 'nothing new' ? [ms(wallMs / count), ms(cpuMs / count)] : ['', ''];
    console.log(
      `${where} | ${kind} | ${times.length} | ${ms(quantile(times, 0.5))} | ${ms(quantile(times, 0.95))} | ${share.join(' | ')} |`,
    );
  }
  const { wallMs, cpuMs, count } = steps.news;
  console.log(`${where} | all with evidence | ${count} | | | ${ms(wallMs / count)} | ${ms(cpuMs / count)} |`);
}
process.exit();

async function measure(concurrency, awayMs) {
  const nats = await startNatsServer();
  const link = await delayedLink(nats.url, awayMs / 2);
  const bus = await connectBus({ url: link.url, name: 'bench' });
  const store = new ControlStore(bus, await openControlBucket(bus));
  const policies = new PolicyStore(bus, await openPolicyBucket(bus));
  const events = new EventLog({ bus, replicas: 1, clock, logger });
  await events.start();
  const bundles = new BundleTables(bus, 1);
  await bundles.add(flags.bundle);
  const maxDevices = names.length * devicesEach;
  const register = new FleetRegister({
    ...{ maxDevices, offlineAfterWindows: 3, offlineAfterMinMs: 600_000, forgetAfterMs: 3_600_000 },
  });
  const evidence = new EvidenceRegister({ windowMs: 3_600_000, deviceWindowMs: 600_000, maxDevices });
  const driver = new GroupDriver({
    ...{ store, policies, events, bundles, register, evidence, workers: new WorkerRegister(), clock, logger },
    ...{ canary: { share: 0.25, samples: 100 }, instance: 'bench', streamCreated: () => 'once' },
  });
  const goals = [];
  for (const group of names) {
    const asked = { goals: [{ kind: 'agreement', floor: 0.98 }], mode: 'auto', author: 'bench', reason: '' };
    goals.push(await store.changeGoals(group, () => ({ what: 'goals', ...asked })));
  }
  const steps = Object.fromEntries(kinds.map((kind) => [kind, { times: [], wallMs: 0, cpuMs: 0 }]));
  steps.news = { wallMs: 0, cpuMs: 0, count: 0 };
  const random = seededRandom(7);
  let sequence = 0;
  for (let round = 1; round <= Number(flags.rounds); round++) {
    for (const group of names) {
      const policy = driver.stateOf(group)?.policy ?? null;
      for (let device = 0; device < devicesEach; device++) {
        const report = answer(group, `cam-${device}`, round, policy, random);
        register.apply(report, clock.now(), clock.now());
        evidence.add(report, { storedAtMs: 10_000 * round + device, sequence: ++sequence });
      }
    }
    for (const withNews of [true, false]) {
      const [atMs, cpu] = [performance.now(), process.cpuUsage()];
      const waiting = [...goals];
      await Promise.all(
        Array.from({ length: concurrency }, async () => {
          for (let next = waiting.shift(); next; next = waiting.shift()) {
            const version = driver.stateOf(next.group)?.policy?.version;
            const startedAt = performance.now();
            await driver.advance(next);
            const moved = driver.stateOf(next.group)?.policy?.version !== version;
            const kind = moved ? 'a policy' : withNews ? 'evidence' : 'nothing new';
            steps[kind].times.push(performance.now() - startedAt);
          }
        }),
      );
      const { user, system } = process.cpuUsage(cpu);
      const of = withNews ? steps.news : steps['nothing new'];
      of.wallMs += performance.now() - atMs;
      of.cpuMs += (user + system) / 1_000;
      if (withNews) of.count += names.length;
    }
  }
  await events.stop();
  await bus.close();
  link.close();
  await nats.stop();
  return { concurrency, awayMs, steps };
}

/** A proxy that forwards data in both directions after a delay. */
async function delayedLink(url, delayMs) {
  const { hostname: host, port } = new URL(url);
  const server = createServer((near) => {
    const far = connect({ host, port: Number(port), noDelay: true });
    near.setNoDelay(true);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.on('data', (bytes) =>
        delayMs === 0 ? to.write(bytes) : setTimeout(() => to.write(bytes), delayMs),
      );
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `nats://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** A device's report; all follow their group's policy, canaries or not. */
function answer(group, device, round, policy, random) {
  const { version, thresholds, auditRate } = policy ?? {
    ...{ version: 0, thresholds: bundle.manifest.policy.thresholds, auditRate: 0 },
  };
  const counts = new EvidenceCounts(bundle.branches, { maxRecords: 1_000 });
  for (let i = 0; i < samplesEach; i++) {
    const row = Math.floor(random() * table.samples);
    const exits = table.branches.map(({ confidence, agrees }) => {
      const seen = Math.fround(confidence[row]);
      return { confidence: seen, bin: binOf(seen), agreed: agrees[row] === '1' };
    });
    const left = exits.findIndex(({ confidence }, branch) => leaves(confidence, thresholds[branch]));
    const exit = left < 0 ? bundle.branches : left;
    const passed = exits
      .slice(0, exit)
      .map(({ confidence }, branch) => ({ exit: branch, label: 0, confidence }));
    const confidence = exits[exit]?.confidence ?? 1;
    counts.countSample({ passed, exit, confidence, degraded: false, offloaded: exit > 0, latencyMs: 5 });
    if (random() < auditRate) counts.countAudit({ exits, leftAt: exit });
  }
  const { branches, manifest, digestBytes: bundleDigest } = bundle;
  const report = {
    ...{ device, group, bootId: 'boot', sequence: round, windowMs: 10_000 },
    state: {
      ...{ lifecycle: Lifecycle.LIFECYCLE_RUNNING, bundleDigest, bundleName: manifest.name, branches },
      ...{ deviceStages: manifest.deviceStages, policyVersion: version },
    },
    window: { samples: samplesEach, exits: counts.left, evidence: [counts.toMessage(version)] },
  };
  return readReport(`offramp.v1.telemetry.${group}.${device}`, v1.TelemetryReport.encode(report).finish());
}
