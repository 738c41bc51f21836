#!/usr/bin/env node
// What the agent adds to the model on a device: `npm run build && node bench/data-plane/device.mjs [--samples N] [--rounds N]
// [--bundle DIR] [--data DIR] > bench/data-plane/device.md`. Prints Markdown.
// Variants take turns within each round; a ratio is the median over the rounds of the ratio within one. CPU is that of
// all the process's threads.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { thisMachine } from '@offramp/augment';
import { Bundle, codecs } from '@offramp/bundle';
import { offloadService } from '@offramp/contracts';
import { createLogger, systemClock } from '@offramp/runtime';
import { GrpcConnector } from '../../edge-agent/dist/offload/grpc-connector.js';
import { OffloadLink } from '../../edge-agent/dist/offload/offload-link.js';
import { RenewableTransport } from '../../edge-agent/dist/offload/renewable-transport.js';
import { SampleWriter } from '../../edge-agent/dist/offload/sample-writer.js';
import { Pipeline } from '../../edge-agent/dist/pipeline/pipeline.js';
import { PolicyHolder } from '../../edge-agent/dist/policy/policy-holder.js';
import { Child } from './support/child.mjs';
import { median, timed } from './support/statistics.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    bundle: { type: 'string', default: here('../../examples/fashion-mnist/bundle') },
    data: { type: 'string', default: here('../../examples/fashion-mnist/data') },
    samples: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '30' },
  },
});
const samples = Number(flags.samples);
const rounds = Number(flags.rounds);
const logger = createLogger('bench', 'silent');

const bundle = await Bundle.open(flags.bundle);
const stages = bundle.manifest.stages.length;
const thresholds = bundle.manifest.policy.thresholds.map(Math.fround);
const { cpu, cores, onnxruntimeVersion, nodeVersion } = thisMachine();

console.log(`# Cost of the agent on a device

\`${bundle.manifest.name}\`, ${stages} stages, all on the device; ${samples} samples a turn, ${rounds} rounds.
${cpu}, ${cores} cores, shared (load ${loadavg()[0].toFixed(1)}); Node.js ${nodeVersion}, ONNX Runtime ${onnxruntimeVersion}.
`);
await answeredLocally();
await offloaded();
await startUp();

async function answeredLocally() {
  const variants = {
    'bare loop, a sample at a time': { kind: 'bareLoop', batch: 1 },
    'bare loop, 8 at a time': { kind: 'bareLoop', batch: 8 },
    'reading, preprocessing, bare loop, JSON': { kind: 'plainProgram' },
    'agent, a sample at a time': { kind: 'agent', maxInFlight: 1 },
    'agent, 64 in flight': { kind: 'agent', maxInFlight: 64 },
    'agent, 64 in flight, no batches': { kind: 'agent', maxInFlight: 64, maxBatch: 1 },
  };
  const children = {};
  for (const [name, how] of Object.entries(variants)) {
    children[name] = new Child('./local-answers.mjs');
    await children[name].ask('start', { bundle: flags.bundle, data: flags.data, ...how });
  }
  const turns = await takeTurns(
    Object.fromEntries(
      Object.entries(children).map(([name, child]) => [name, () => child.ask('turn', { samples })]),
    ),
  );
  for (const child of Object.values(children)) await child.end();
  console.log(`## Samples answered locally

Each variant has its own process; they take turns. Ratios are to a bare loop over the same stages, with single samples and with eight at a time.

| variant | time per sample | CPU per sample | time / singles | CPU / singles | time / eights | CPU / eights |
|---|---|---|---|---|---|---|`);
  const [singles, eights] = Object.values(turns);
  for (const [name, measured] of Object.entries(turns)) {
    const ratio = (to, of) => median(measured.map((turn, round) => turn[of] / to[round][of])).toFixed(2);
    const each = (of) => `${((median(measured.map((turn) => turn[of])) / samples) * 1e6).toFixed(0)} µs`;
    const ratios = [singles, eights].flatMap((to) => [ratio(to, 'seconds'), ratio(to, 'cpuSeconds')]);
    console.log(`| ${[name, each('seconds'), each('cpuSeconds'), ...ratios].join(' | ')} |`);
  }
  console.log(`
The bare loops have their inputs ready. The agent reads and preprocesses pictures, counts, and writes answers as JSON; the program in the
third line does the same. *A sample at a time*: the next is read when the previous one is answered.
`);
}

/** The agent's way from the last stage on the device to the answer, with a worker that takes no time. */
async function offloaded() {
  const stage = bundle.manifest.deviceStages;
  const shape = bundle.manifest.stages[stage].inputShape;
  const width = shape.reduce((product, size) => product * size, 1);
  const activation = Float32Array.from({ length: width }, (_, i) => Math.max(0, Math.sin(i)));
  const cannedAnswer = { bundleDigest: bundle.digestBytes, exit: stages - 1, label: 1, confidence: 0.5 };
  const socket = `unix:${join(tmpdir(), `offramp-bench-${process.pid}.sock`)}`;
  const server = spawn(
    process.execPath,
    [
      here('support/canned-worker.mjs'),
      socket,
      JSON.stringify({ ...cannedAnswer, bundleDigest: bundle.digest }),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(server.stdout, 'data');
  const links = {
    'messages written and read, no transport': linkOver({
      open: (events) => memoryStream(events, cannedAnswer),
    }),
    'gRPC over a Unix socket, to a process that answers at once': linkOver(
      new RenewableTransport(
        new GrpcConnector(
          { address: socket, connectTimeoutMs: 5_000, greetingTimeoutMs: 1_000, credentials: null },
          systemClock,
        ),
        10_000,
        systemClock,
        logger,
      ),
    ),
  };
  const variants = {};
  const writer = new SampleWriter(bundle.manifest, stage, false);
  for (const [name, link] of Object.entries(links)) {
    link.start();
    await link.firstAttempt();
    const policy = new PolicyHolder(
      { group: 'bench', branches: bundle.branches, bundleDigest: bundle.digestBytes },
      thresholds,
    );
    const cascade = {
      run: async (sample) => {
        for (let exit = 0; exit < stage; exit++) sample.passed.push({ exit, label: 0, confidence: 0.1 });
        return { activation };
      },
      hurry: () => undefined,
    };
    const pipeline = new Pipeline({
      bundle,
      deviceStages: stage,
      cascade,
      policy,
      link,
      writer,
      auditor: { consider: () => undefined },
      clock: systemClock,
    });
    const incoming = { name: 'a', trueLabelIndex: null, load: async () => activation };
    variants[name] = () =>
      timed(async () => {
        for (let done = 0; done < samples; done += 25) {
          const results = await Promise.all(Array.from({ length: 25 }, () => pipeline.run(incoming)));
          const missed = results.find(
            ({ kind, answer }) => kind === 'failed' || !answer.offloaded || answer.degraded,
          );
          if (missed) throw new Error(`a sample was not offloaded: ${JSON.stringify(missed.answer)}`);
        }
      });
  }
  for (const run of Object.values(variants)) await run();
  const turns = await takeTurns(variants);
  console.log(`## Samples offloaded, without network and worker

The activation after stage ${stage - 1}, ${width} elements as ${bundle.manifest.stages[stage - 1].codec?.encoding ?? 'float32'}.

| variant | time per sample | CPU per sample, on the device |
|---|---|---|`);
  for (const [name, measured] of Object.entries(turns)) {
    const each = (of) => `${((median(measured.map((turn) => turn[of])) / samples) * 1000).toFixed(0)} µs`;
    console.log(`| ${name} | ${each('wallMs')} | ${each('cpuMs')} |`);
  }
  console.log('');
  for (const link of Object.values(links)) link.close();
  server.kill();
  await once(server, 'exit');

  function linkOver(transport) {
    return new OffloadLink(
      {
        maxInFlight: 32,
        timeoutMs: 10_000,
        reconnectFirstMs: 100,
        reconnectMaxMs: 1_000,
        unservedPauseMs: 1_000,
      },
      {
        bundleDigest: bundle.digestBytes,
        labels: bundle.manifest.labels.length,
        branches: bundle.branches,
        firstExit: stage,
      },
      transport,
      systemClock,
      Math.random,
      logger,
    );
  }
}

function memoryStream(events, answer) {
  const { requestSerialize, responseSerialize, responseDeserialize } = offloadService.Resume;
  queueMicrotask(() => events.onOpen(new Set(codecs.map(({ encoding }) => encoding))));
  return {
    send(request) {
      requestSerialize(request);
      const bytes = responseSerialize({ sampleId: request.sampleId, answer });
      queueMicrotask(() => events.onResponse(responseDeserialize(bytes)));
      return true;
    },
    close: () => undefined,
  };
}

async function startUp() {
  const bin = here('../../cli/bin/offramp.js');
  const firstLine = (args) => async () => {
    const started = performance.now();
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child.stdout, 'data');
    const wallMs = performance.now() - started;
    await once(child, 'close');
    return { wallMs };
  };
  const variants = {
    'Node.js, ONNX Runtime, all stages, one sample': firstLine([
      here('support/first-answer.mjs'),
      flags.bundle,
      flags.data,
    ]),
    'offramp agent --limit 1': firstLine([
      ...[bin, 'agent', '--bundle', flags.bundle, '--source', flags.data, '--limit', '1', '--nats', 'none'],
      ...['--device-stages', String(stages)],
    ]),
  };
  const turns = await takeTurns(variants, Math.min(rounds, 5));
  console.log(`## From start to first answer

| started | time | ratio |
|---|---|---|`);
  const base = Object.keys(variants)[0];
  for (const [name, measured] of Object.entries(turns)) {
    const ratio = median(measured.map(({ wallMs }, round) => wallMs / turns[base][round].wallMs));
    console.log(
      `| ${name} | ${median(measured.map(({ wallMs }) => wallMs)).toFixed(0)} ms | ${ratio.toFixed(2)} |`,
    );
  }
}

/** @returns per variant, what it measured in each round */
async function takeTurns(variants, times = rounds) {
  const measured = Object.fromEntries(Object.keys(variants).map((name) => [name, []]));
  for (let round = 0; round < times; round++) {
    for (const [name, run] of Object.entries(variants)) measured[name].push(await run());
  }
  return measured;
}
