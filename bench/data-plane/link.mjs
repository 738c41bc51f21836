#!/usr/bin/env node
// Where a model runs best, over different links: `npm run build && node bench/data-plane/link.mjs [--full]
// [--keep-inputs] [--device-slowdown X] [--bandwidths 1,8,50] [--rtts 5,30,100] [--plot FILE] > bench/data-plane/link.md`. Prints Markdown.
// A real worker, real agents in a process whose inference is slowed down by a factor, and between them a proxy that limits
// bandwidth and adds delay. One alternative sends every input, so Offramp may send inputs too, unless --keep-inputs is given.
// Variants take turns in each cell.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { planBundle, thisMachine } from '@offramp/augment';
import { Bundle, planSplits, recommendSplit } from '@offramp/bundle';
import { ShapedProxy } from '../../tests/dist/support/shaped-link/shaped-proxy.js';
import { linkPlot } from './support/link-plot.mjs';
import { mean, quantile } from './support/statistics.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    bundle: { type: 'string', default: here('../../examples/fashion-mnist/bundle') },
    data: { type: 'string', default: here('../../examples/fashion-mnist/data') },
    'device-slowdown': { type: 'string', default: '8' },
    bandwidths: { type: 'string' },
    rtts: { type: 'string' },
    plot: { type: 'string' },
    full: { type: 'boolean', default: false },
    'keep-inputs': { type: 'boolean', default: false },
  },
});
const numbers = (text) => text.split(',').map(Number);
const bandwidths = numbers(flags.bandwidths ?? (flags.full ? '1,2,5,10,20,50' : '1,8,50'));
const rtts = numbers(flags.rtts ?? (flags.full ? '5,10,20,50,100' : '5,30,100'));
const sendInput = !flags['keep-inputs'];
const deviceSlowdown = Number(flags['device-slowdown']);
const latencySpan = flags.full
  ? { warmUpMs: 500, measureMs: 8_000, fewest: 100, longestMs: 30_000 }
  : { warmUpMs: 300, measureMs: 1_000, fewest: 15, longestMs: 4_000 };
const throughputSpan = flags.full
  ? { warmUpMs: 1_000, measureMs: 5_000, fewest: 50, longestMs: 20_000 }
  : { warmUpMs: 300, measureMs: 800, fewest: 15, longestMs: 3_000 };

const bundle = await Bundle.open(flags.bundle);
const { stages } = bundle.manifest;
const folder = mkdtempSync(join(tmpdir(), 'offramp-bench-'));
const neverPath = join(folder, 'never');
cpSync(flags.bundle, neverPath, { recursive: true });
const manifest = JSON.parse(readFileSync(join(neverPath, 'manifest.json'), 'utf8'));
manifest.policy.thresholds = manifest.policy.thresholds.map(() => 2);
writeFileSync(join(neverPath, 'manifest.json'), JSON.stringify(manifest));

const worker = spawn(
  process.execPath,
  [
    here('../../cli/bin/offramp.js'),
    ...['worker', '--listen', '127.0.0.1:0', '--log-level', 'error', '--bundle', flags.bundle],
    ...['--bundle', neverPath],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const port = await new Promise((resolve) => {
  createInterface({ input: worker.stdout }).on('line', (line) => {
    const found = /^listening on \S+:(\d+)$/.exec(line);
    if (found) resolve(Number(found[1]));
  });
});
const device = fork(here('support/device-process.mjs'), {
  execArgv: ['--import', here('support/slow-device.mjs')],
  env: { ...process.env, OFFRAMP_BENCH_SLOWDOWN: String(deviceSlowdown) },
});

const times = await planBundle(bundle, {
  link: { bytesPerSecond: 1, rttMs: 0 },
  deviceSlowdown,
  workerSlowdown: 1,
  sendInput,
  repetitions: 50,
});
const withoutExits = {
  ...times,
  sendInput: false,
  exitShares: stages.map((_, exit) => (exit === stages.length - 1 ? 1 : 0)),
};

const names = {
  device: 'all on device',
  cloud: 'all in cloud (input sent)',
  split: 'split without exits',
  offramp: 'Offramp (as planned)',
};
const cells = [];
const started = performance.now();
for (const mbit of bandwidths) {
  for (const rttMs of rtts) cells.push(await measureCell(mbit, rttMs));
}
device.disconnect();
worker.kill();
await once(worker, 'exit');
rmSync(folder, { recursive: true });
report();

async function measureCell(mbit, rttMs) {
  const link = { bytesPerSecond: (mbit * 1e6) / 8, rttMs };
  const planned = recommendSplit(planSplits({ ...times, link }).slice(1)).deviceStages;
  const split = recommendSplit(planSplits({ ...withoutExits, link }).slice(1, stages.length)).deviceStages;
  const agent = (directory, deviceStages, options) => (address, inFlight, span) => ({
    kind: 'agent',
    config: {
      ...{ bundle: directory, source: flags.data, deviceStages, maxInFlight: inFlight, ...options },
      ...(deviceStages < stages.length ? { cloud: address } : {}),
    },
    ...span,
  });
  const jobs = {
    device: agent(neverPath, stages.length),
    cloud: (address, inFlight, span) => ({
      ...{ kind: 'cloud', bundle: neverPath, data: flags.data, address, inFlight: Math.min(inFlight, 32) },
      ...span,
    }),
    split: agent(neverPath, split),
    offramp: agent(flags.bundle, planned, { sendInput }),
  };
  const cell = { mbit, rttMs, planned, split, variants: {} };
  for (const [name, job] of Object.entries(jobs)) {
    const alone = await overLink(link, (address) => job(address, 1, latencySpan));
    const many = await overLink(link, (address) => job(address, 64, throughputSpan));
    if (alone.degraded > 0)
      throw new Error(`${name}: ${alone.degraded} samples got no answer from the cloud`);
    cell.variants[name] = {
      samples: alone.latencies.length,
      meanMs: mean(alone.latencies),
      p50: quantile(alone.latencies, 0.5),
      p95: quantile(alone.latencies, 0.95),
      p99: quantile(alone.latencies, 0.99),
      perSecond: (many.latencies.length / many.tookMs) * 1_000,
    };
  }
  process.stderr.write(`${mbit} Mbit/s, ${rttMs} ms: done\n`);
  return cell;
}

/** Runs a job on the device over a new link, so that nothing of the previous job is still in transit. */
async function overLink({ bytesPerSecond, rttMs }, jobOf) {
  const shape = { delayMs: rttMs / 2, bytesPerSecond };
  const proxy = await ShapedProxy.start({ target: { host: '127.0.0.1', port }, up: shape, down: shape });
  try {
    device.send(jobOf(proxy.address));
    const [{ result, error }] = await once(device, 'message');
    if (error) throw new Error(error);
    return result;
  } finally {
    await proxy.close();
  }
}

function report() {
  const { cpu, cores, onnxruntimeVersion, nodeVersion } = thisMachine();
  const ms = (value) => `${Number(value.toPrecision(3))}`;
  console.log(`# End to end over a shaped link

\`${bundle.manifest.name}\`, ${stages.length} stages; ${times.exitShares.map((share) => `${(share * 100).toFixed(1)} %`).join(', ')} of the samples end at each exit.
A stage takes ${deviceSlowdown} times as long on the device as on this machine: ${times.deviceStageMs.map(ms).join(' + ')} ms. Activations travel in the
bundle's codec, inputs as deflated 8-bit samples${sendInput ? '' : '; Offramp sends none'}. Milliseconds from arrival to answer with one sample at a time; samples per second with up to 64 in flight.
${cpu}, ${cores} cores, shared; Node.js ${nodeVersion}, ONNX Runtime ${onnxruntimeVersion}; ${((performance.now() - started) / 1000).toFixed(0)} s.

| Mbit/s | RTT, ms | variant | stages on device | p50 | p95 | p99 | mean | samples/s | samples |
|---|---|---|---|---|---|---|---|---|---|`);
  for (const { mbit, rttMs, planned, split, variants } of cells) {
    for (const [name, { p50, p95, p99, meanMs, perSecond, samples }] of Object.entries(variants)) {
      const onDevice = { device: stages.length, cloud: 0, split, offramp: planned }[name];
      console.log(
        `| ${mbit} | ${rttMs} | ${names[name]} | ${onDevice} | ${[p50, p95, p99, meanMs, perSecond].map(ms).join(' | ')} | ${samples} |`,
      );
    }
  }
  console.log(`
## Against the alternatives

| alternative | p50, mean over the cells | times Offramp's | mean latency over the cells | times Offramp's | samples/s over the cells |
|---|---|---|---|---|---|`);
  const over = (name, of) => mean(cells.map(({ variants }) => variants[name][of]));
  for (const name of Object.keys(names)) {
    const times = (of) => (over(name, of) / over('offramp', of)).toFixed(2);
    console.log(
      `| ${names[name]} | ${ms(over(name, 'p50'))} ms | ${times('p50')} | ${ms(over(name, 'meanMs'))} ms | ${times('meanMs')} | ${ms(over(name, 'perSecond'))} |`,
    );
  }
  const others = ['device', 'cloud', 'split'];
  const worst = Math.max(
    ...cells.map(
      ({ variants }) => variants.offramp.p50 / Math.min(...others.map((name) => variants[name].p50)),
    ),
  );
  console.log(`
Largest ratio of Offramp's p50 to that of the best alternative, over all cells: ${worst.toFixed(2)}.`);
  if (flags.plot !== undefined) writeFileSync(flags.plot, linkPlot({ cells, names, deviceSlowdown }));
}
