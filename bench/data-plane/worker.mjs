#!/usr/bin/env node
// How much of the machine's capacity a worker uses: `npm run build && node bench/data-plane/worker.mjs > bench/data-plane/worker.md`.
// Prints Markdown. `--minutes 10` adds memory over that time at full load. Samples come in the bundle's codec, as agents send
// them, or in `--codec`.
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bundle } from '@offramp/bundle';
import { Child } from './support/child.mjs';
import { writeOffloads } from './support/offloads.mjs';

const example = (path) => fileURLToPath(new URL(`../../examples/fashion-mnist/${path}`, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    bundle: { type: 'string', default: example('bundle') },
    data: { type: 'string', default: example('data') },
    threads: { type: 'string', default: String(Math.max(1, availableParallelism() - 1)) },
    batch: { type: 'string', default: '16' },
    codec: { type: 'string' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    'deadline-ms': { type: 'string', default: '500' },
    minutes: { type: 'string', default: '0' },
    worker: { type: 'string', default: '{}' },
    only: { type: 'string', default: 'throughput,latency,overload' },
    'prof-dir': { type: 'string' },
  },
});
const threads = Number(flags.threads);
const batch = Number(flags.batch);
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);
const deadlineMs = Number(flags['deadline-ms']);
const minutes = Number(flags.minutes);
const parts = flags.only.split(',');
const maxOffloads = 512;
/** Devices, and samples that each keeps in flight. */
const fleets = [
  { count: 1, window: 64 },
  { count: 16, window: 16 },
  { count: 256, window: 2 },
];

const bundle = await Bundle.open(flags.bundle);
const directory = bundle.directory;
const firstStage = Math.min(bundle.manifest.deviceStages, bundle.branches);
const folder = await mkdtemp(join(tmpdir(), 'offramp-bench-'));
const samples = await writeOffloads(bundle, flags.data, firstStage, maxOffloads, folder);

const bare = new Child('./bare-loop.mjs');
const profile = flags['prof-dir'] ? ['--cpu-prof', `--cpu-prof-dir=${flags['prof-dir']}`] : [];
const worker = new Child('./worker-process.mjs', profile);
const devices = new Child('./devices.mjs');
await bare.ask('start', { count: threads, directory, firstStage, folder });
const options = { bundle: [directory], threads, maxBatch: batch, ...JSON.parse(flags.worker) };
const { address } = await worker.ask('start', { options });
const load = { directory, folder, stage: firstStage, codecName: flags.codec };
const { codec, bytes } = await devices.ask('start', load);

console.log(`# Throughput, latency and memory of a worker

\`${bundle.manifest.name}\`, samples resumed at stage ${firstStage} of ${bundle.manifest.stages.length} (${samples
  .slice(firstStage)
  .join(
    ', ',
  )} of ${samples[firstStage]} samples reach the stages from there), ${codec}, ${bytes} bytes a sample,
batches of ${batch} at most, ${threads} inference ${threads === 1 ? 'thread' : 'threads'}, ${availableParallelism()} cores shared by worker, bare loop, devices and other programs.
`);

let best = 0;
if (parts.includes('throughput')) await throughput();
else best = (await devices.ask('closedLoop', { address, ...fleets[1], seconds })).answered / seconds;
if (parts.includes('latency')) await latency();
if (parts.includes('overload')) await overload();
if (minutes > 0) await memory();

await Promise.all([devices.end(), worker.end(), bare.end()]);
await rm(folder, { recursive: true });

async function throughput() {
  console.log(`## Throughput

Against a bare loop of \`session.run\` over the same stages, samples, batch size and number of threads: medians of
${rounds} rounds of ${seconds} s, in turns. *Time*: samples a second. *CPU*: processor time per sample of the worker's process,
network included, against the bare loop's. Devices run in a separate process, which is in neither.

| devices | in flight each | bare loop, samples/s | worker, samples/s | worker / bare, time | bare, CPU µs | worker, CPU µs | bare / worker, CPU | mean batch | devices, CPU µs |
|---|---|---|---|---|---|---|---|---|---|`);
  for (const { count, window } of fleets) {
    const found = [];
    for (let round = 0; round < rounds; round++) {
      const alone = await bare.ask('run', { seconds, batch });
      const before = await worker.ask('usage');
      const [served, during] = await Promise.all([
        devices.ask('closedLoop', { address, count, window, seconds }),
        workerUsage(1, seconds),
      ]);
      const after = await worker.ask('usage');
      if (served.refused + served.expired + served.unanswered > 0)
        throw new Error(`not all answered: ${JSON.stringify(served)}`);
      found.push({
        bare: alone.samples / alone.seconds,
        served: served.answered / served.seconds,
        bareCpu: (1e6 * alone.cpuSeconds) / alone.samples,
        workerCpu: (1e6 * during.cpuSeconds) / during.answered,
        devicesCpu: (1e6 * served.cpuSeconds) / served.answered,
        batch: meanBatch(before.counts, after.counts),
      });
    }
    const middle = (of) => median(found.map(of));
    best = Math.max(
      best,
      middle(({ served }) => served),
    );
    console.log(
      `| ${[
        count,
        window,
        middle((one) => one.bare).toFixed(0),
        middle((one) => one.served).toFixed(0),
        `**${middle((one) => one.served / one.bare).toFixed(2)}**`,
        middle((one) => one.bareCpu).toFixed(0),
        middle((one) => one.workerCpu).toFixed(0),
        middle((one) => one.bareCpu / one.workerCpu).toFixed(2),
        middle((one) => one.batch).toFixed(1),
        middle((one) => one.devicesCpu).toFixed(0),
      ].join(' | ')} |`,
    );
  }
}

/** The worker's processor time and answers, over `forSeconds` after a delay. */
async function workerUsage(delaySeconds, forSeconds) {
  await sleep(delaySeconds);
  const before = await worker.ask('usage');
  await sleep(forSeconds);
  const after = await worker.ask('usage');
  return {
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    answered: after.counts.answered - before.counts.answered,
  };
}

async function latency() {
  const rate = best * 0.8;
  console.log(`
## Latency at 80 % of the best throughput

Samples arrive at random (Poisson), ${rate.toFixed(0)} per second over all devices, each with a deadline of ${deadlineMs} ms. Times are measured by the devices.

| devices | answered/s | p50, ms | p99, ms | most, ms | refused | expired | without response |
|---|---|---|---|---|---|---|---|`);
  for (const { count } of fleets) {
    const found = await devices.ask('openLoop', { address, count, rate, deadlineMs, seconds: seconds * 2 });
    console.log(
      `| ${[
        count,
        (found.answered / found.seconds).toFixed(0),
        ...Object.values(found.answerMs).map(ms),
        found.refused,
        found.expired,
        found.unanswered,
      ].join(' | ')} |`,
    );
  }
}

async function overload() {
  const rate = best * 3;
  console.log(`
## Overload

Samples arrive at ${rate.toFixed(0)} per second, 3 × the best throughput above, with a deadline of ${deadlineMs} ms. Like the agent, a refused device sends nothing until the
time that the worker named, and has at most 32 samples in flight. *Kept back*: samples that it
answers itself in that time. *Expired*: samples whose deadline passed while they waited. *Of the best*: against
the same number of devices that keep the worker busy without overload, measured immediately before and after.

| devices | asked/s | answered/s | of the best | answer p50, ms | answer p99, ms | refused/s | refusal p50, ms | refusal p99, ms | within 5 ms | expired/s | kept back/s | without response |
|---|---|---|---|---|---|---|---|---|---|---|---|---|`);
  for (const { count, window } of fleets.slice(1)) {
    const full = () => devices.ask('closedLoop', { address, count, window, seconds });
    const before = await full();
    const load = { rate, deadlineMs, warmUpSeconds: 4, seconds: seconds * 3 };
    const found = await devices.ask('openLoop', { address, count, ...load });
    const after = await full();
    const fullRate = (before.answered + after.answered) / (before.seconds + after.seconds);
    const perSecond = (samples) => samples / found.seconds;
    console.log(
      `| ${[
        count,
        perSecond(found.answered + found.refused + found.expired).toFixed(0),
        perSecond(found.answered).toFixed(0),
        `**${(perSecond(found.answered) / fullRate).toFixed(2)}**`,
        ms(found.answerMs.p50),
        ms(found.answerMs.p99),
        perSecond(found.refused).toFixed(0),
        ms(found.refusalMs.p50),
        ms(found.refusalMs.p99),
        `${(found.promptRefusals * 100).toFixed(1)} %`,
        perSecond(found.expired).toFixed(0),
        perSecond(found.keptBack).toFixed(0),
        found.unanswered,
      ].join(' | ')} |`,
    );
  }
}

async function memory() {
  console.log(`
## Memory over ${minutes} minutes at full load

16 devices, 16 samples in flight each. MiB, the maximum in each half minute.

| minutes | resident | heap | outside the heap | samples so far |
|---|---|---|---|---|`);
  const played = devices.ask('closedLoop', { address, ...fleets[1], seconds: minutes * 60 });
  let over = false;
  void played.then(() => {
    over = true;
  });
  const mib = (bytes) => (bytes / 2 ** 20).toFixed(0);
  for (let half = 1; !over; half++) {
    const seen = [];
    for (let second = 0; second < 30 && !over; second++) {
      await sleep(1);
      seen.push(await worker.ask('usage'));
    }
    const most = (of) => mib(Math.max(...seen.map(({ memory: now }) => of(now))));
    console.log(
      `| ${half / 2} | ${most((now) => now.rss)} | ${most((now) => now.heapUsed)} | ${most((now) => now.external)} | ${seen.at(-1).counts.answered} |`,
    );
  }
  await played;
}

function meanBatch(before, after) {
  const run = ({ batches, meanBatch: mean }) => batches * mean;
  return (run(after) - run(before)) / (after.batches - before.batches);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function ms(value) {
  return value === null ? '–' : value.toFixed(1);
}

function sleep(forSeconds) {
  return new Promise((resolve) => setTimeout(resolve, forSeconds * 1000));
}
