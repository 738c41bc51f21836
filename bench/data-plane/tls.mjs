#!/usr/bin/env node
// What TLS costs: `npm run build && node bench/data-plane/tls.mjs > bench/data-plane/tls.md`. Prints Markdown.
// Two workers, one with mutual TLS and one in plain text, take turns under the same load.
import { createPublicKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bundle } from '@offramp/bundle';
import { createKey, Issuer } from '@offramp/contracts/issuing';
import { Child } from './support/child.mjs';
import { writeOffloads } from './support/offloads.mjs';
import { median } from './support/statistics.mjs';

const example = (path) => fileURLToPath(new URL(`../../examples/fashion-mnist/${path}`, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    bundle: { type: 'string', default: example('bundle') },
    data: { type: 'string', default: example('data') },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '200' },
  },
});
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);
const connections = Number(flags.connections);
const threads = Math.max(1, availableParallelism() - 1);
/** Devices, and samples that each keeps in flight. */
const fleets = [
  { count: 1, window: 64 },
  { count: 16, window: 16 },
  { count: 256, window: 2 },
];
const kinds = ['plain', 'tls'];

const bundle = await Bundle.open(flags.bundle);
const { directory } = bundle;
const stage = Math.min(bundle.manifest.deviceStages, bundle.branches);
const folder = await mkdtemp(join(tmpdir(), 'offramp-bench-'));
await writeOffloads(bundle, flags.data, stage, 512, folder);
const fleet = await makeFleet(Math.max(...fleets.map(({ count }) => count)));

const devices = new Child('./devices.mjs');
const workers = { plain: new Child('./worker-process.mjs'), tls: new Child('./worker-process.mjs') };
const addresses = {};
for (const kind of kinds) {
  const options = { bundle: [directory], threads, ...(kind === 'tls' ? fleet.options : {}) };
  addresses[kind] = (await workers[kind].ask('start', { options })).address;
}
const { codec, bytes } = await devices.ask('start', { directory, folder, stage });

console.log(`# What TLS costs

\`${bundle.manifest.name}\`, samples resumed at stage ${stage} of ${bundle.manifest.stages.length}, ${codec}, ${bytes} bytes a sample. TLS 1.3 with certificates on both
sides, against plain text. ${threads} inference ${threads === 1 ? 'thread' : 'threads'}, ${availableParallelism()} cores shared by worker, devices and other programs.
`);
await throughput();
await perSampleAndConnection();
await Promise.all([devices, ...Object.values(workers)].map((child) => child.end()));
await rm(folder, { recursive: true });

async function throughput() {
  console.log(`## Throughput

Medians of ${rounds} rounds of ${seconds} s, in turns. *CPU*: processor time per sample of the worker's process, and of the process of all devices, which
encrypts and sends samples, but runs no stages.

| devices | in flight each | plain, samples/s | TLS, samples/s | TLS / plain | worker, plain, CPU µs | worker, TLS, CPU µs | device, plain, CPU µs | device, TLS, CPU µs |
|---|---|---|---|---|---|---|---|---|`);
  for (const { count, window } of fleets) {
    const found = { plain: [], tls: [] };
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? kinds : kinds.toReversed();
      for (const kind of order) found[kind].push(await play(kind, count, window));
    }
    const middle = (kind, of) => median(found[kind].map(of));
    const ratio = median(found.plain.map(({ rate }, i) => found.tls[i].rate / rate));
    const each = (of) => kinds.map((kind) => middle(kind, of).toFixed(0));
    console.log(
      `| ${[
        ...[count, window, ...each(({ rate }) => rate), `**${ratio.toFixed(2)}**`],
        ...each(({ workerMicros }) => workerMicros),
        ...each(({ deviceMicros }) => deviceMicros),
      ].join(' | ')} |`,
    );
  }
}

/** One round of load. Processor time of the worker is taken without the connections at the start. */
async function play(kind, count, window) {
  await devices.ask('secure', kind === 'tls' ? fleet.identities : {});
  const [served, usage] = await Promise.all([
    devices.ask('closedLoop', { address: addresses[kind], count, window, seconds, warmUpSeconds: 2 }),
    usageOf(workers[kind], 2, seconds),
  ]);
  if (served.refused + served.expired + served.unanswered > 0 || served.answered === 0) {
    throw new Error(`not all answered: ${JSON.stringify(served)}`);
  }
  return {
    rate: served.answered / served.seconds,
    workerMicros: (1e6 * usage.cpuSeconds) / usage.answered,
    deviceMicros: (1e6 * served.cpuSeconds) / served.answered,
  };
}

async function usageOf(worker, delaySeconds, forSeconds) {
  await sleep(delaySeconds);
  const before = await worker.ask('usage');
  await sleep(forSeconds);
  const after = await worker.ask('usage');
  return {
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    answered: after.counts.answered - before.counts.answered,
  };
}

async function perSampleAndConnection() {
  console.log(`
## Bytes, and connections

*A sample*: TCP payload between a device with one sample in flight and the worker. *A connection*: ${connections} that open a stream, one after another.

| | up, bytes a sample | down, bytes a sample | bytes a connection | ms a connection | device, CPU ms a connection | worker, CPU ms a connection |
|---|---|---|---|---|---|---|`);
  for (const kind of kinds) {
    await devices.ask('secure', kind === 'tls' ? fleet.identities : {});
    const relay = await countingRelay(addresses[kind]);
    const { address } = relay;
    const before = (await workers[kind].ask('usage')).counts.answered;
    await devices.ask('closedLoop', { address, count: 1, window: 1, seconds, warmUpSeconds: 0 });
    const samples = (await workers[kind].ask('usage')).counts.answered - before;
    const sent = relay.take();
    await devices.ask('connections', { address, count: connections });
    const connecting = relay.take();
    relay.close();
    const start = await workers[kind].ask('usage');
    const direct = await devices.ask('connections', { address: addresses[kind], count: connections });
    const end = await workers[kind].ask('usage');
    const each = (value) => (value / connections).toFixed(1);
    console.log(
      `| ${[
        ...[
          kind === 'tls' ? 'TLS' : 'plain',
          (sent.up / samples).toFixed(0),
          (sent.down / samples).toFixed(0),
        ],
        ((connecting.up + connecting.down) / connections).toFixed(0),
        each(1_000 * direct.seconds),
        each(1_000 * direct.cpuSeconds),
        each(1_000 * (end.cpuSeconds - start.cpuSeconds)),
      ].join(' | ')} |`,
    );
  }
}

/** Passes bytes on to a worker, and counts them. */
async function countingRelay(target) {
  const [host, port] = target.split(':');
  let counts = { up: 0, down: 0 };
  const server = createServer((device) => {
    const worker = connect(Number(port), host);
    for (const [from, to, way] of [
      [device, worker, 'up'],
      [worker, device, 'down'],
    ]) {
      from.on('data', ({ length }) => {
        counts[way] += length;
      });
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${server.address().port}`,
    take() {
      const taken = counts;
      counts = { up: 0, down: 0 };
      return taken;
    },
    close: () => server.close(),
  };
}

/** An authority, the options of a worker, and certificates of devices. */
async function makeFleet(count) {
  const nowMs = Date.now();
  const expiresMs = nowMs + 86_400_000;
  const issuer = await Issuer.create('CN=bench', 'spiffe://bench', await createKey(), nowMs, expiresMs);
  const issue = async (id) => {
    const key = await createKey();
    const terms = { publicKey: createPublicKey(key), uris: [`spiffe://bench/${id}`], nowMs, expiresMs };
    return { cert: await issuer.issue(terms), key };
  };
  const paths = {
    tlsCa: join(folder, 'ca.crt'),
    tlsCert: join(folder, 'tls.crt'),
    tlsKey: join(folder, 'tls.key'),
  };
  const { cert, key } = await issue('worker/worker');
  await writeFile(paths.tlsCa, issuer.certificate);
  await writeFile(paths.tlsCert, cert);
  await writeFile(paths.tlsKey, key, { mode: 0o600 });
  const certificates = [];
  for (let i = 0; i < count; i++) certificates.push(await issue(`device/bench/device-${i}`));
  return { options: paths, identities: { ca: issuer.certificate, certificates } };
}

function sleep(forSeconds) {
  return new Promise((resolve) => setTimeout(resolve, forSeconds * 1000));
}
