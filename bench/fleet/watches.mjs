#!/usr/bin/env node
// What delivering a policy to many devices costs NATS: with a watch per device, which is a consumer each; or, as in agents, a plain
// subscription each to what the bucket's stream republishes after storing it (`republish`).
// `npm run build && node bench/fleet/watches.mjs [--devices 1000,10000] > bench/fleet/watches.md`. Prints Markdown.
import { parseArgs } from 'node:util';
import { connectBus } from '@offramp/contracts';
import { startNatsServer } from '@offramp/contracts/testing';
import { processUsage } from './support/fleet/controller-process.mjs';

const { values: flags } = parseArgs({
  options: {
    devices: { type: 'string', default: '1000,10000,30000' },
    seconds: { type: 'string', default: '20' },
  },
});
const devicesPerConnection = 1_000;
const atOnce = 50;
const puts = 5;
const policyBytes = 120;
const group = 'fleet';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Each: (connection, bucket, callback for an arrived policy) → a promise that settles when it is set up. */
const ways = {
  'a watch per device': async (_, bucket, onPolicy) => {
    const watch = await bucket.watch({ key: group });
    (async () => {
      for await (const entry of watch) if (entry.operation === 'PUT') onPolicy();
    })();
  },
  'a subscription per device': async (bus, _, onPolicy) => {
    bus.subscribe(`policies.${group}`, { callback: onPolicy });
  },
};

console.log(`# Delivering a policy to devices

One key; ${puts} puts of ${policyBytes} bytes, one after the other. Everything runs on one machine, the devices in one process, with a connection per ${devicesPerConnection}.

| devices | method | NATS: memory | CPU at rest | CPU of a put | time until all have it: median | worst |
|---|---|---|---|---|---|---|`);
for (const devices of flags.devices.split(',').map(Number)) {
  for (const [way, follow] of Object.entries(ways)) await measure(devices, way, follow);
}
process.exit();

async function measure(devices, way, follow) {
  const nats = await startNatsServer();
  const buses = await Promise.all(
    Array.from({ length: Math.ceil(devices / devicesPerConnection) }, () =>
      connectBus({ url: nats.url, name: 'offramp-watches' }),
    ),
  );
  const buckets = await Promise.all(
    buses.map((bus) =>
      bus.jetstream().views.kv('WATCHED', {
        history: 64,
        republish: { src: '$KV.WATCHED.*', dest: 'policies.{{wildcard(1)}}' },
      }),
    ),
  );
  let known = 0;
  let onAll = () => undefined;
  const onPolicy = () => {
    known++;
    if (known === devices) onAll();
  };
  const pending = Array.from({ length: devices }, (_, device) => device);
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let device = pending.pop(); device !== undefined; device = pending.pop()) {
        const lane = device % buses.length;
        await follow(buses[lane], buckets[lane], onPolicy);
      }
    }),
  );
  await Promise.all(buses.map((bus) => bus.flush()));
  await sleep(2_000);
  const before = processUsage(nats.pid);
  await sleep(1_000 * Number(flags.seconds));
  const rested = processUsage(nats.pid);
  const times = [];
  for (let put = 0; put < puts; put++) {
    known = 0;
    const all = new Promise((resolve) => {
      onAll = resolve;
    });
    const from = performance.now();
    await buckets[0].put(group, new Uint8Array(policyBytes));
    await all;
    times.push(performance.now() - from);
    await sleep(500);
  }
  const after = processUsage(nats.pid);
  const atRest = (rested.cpuSeconds - before.cpuSeconds) / Number(flags.seconds);
  const ofPut = (after.cpuSeconds - rested.cpuSeconds - atRest * (puts / 2)) / puts;
  const sorted = times.sort((a, b) => a - b);
  console.log(
    `| ${devices} | ${way} | ${Math.round(after.residentBytes / 2 ** 20)} MiB | ${(100 * atRest).toFixed(1)} % | ${Math.round(1_000 * Math.max(0, ofPut))} ms | ${Math.round(sorted[Math.floor(puts / 2)])} ms | ${Math.round(sorted.at(-1))} ms |`,
  );
  await Promise.all(buses.map((bus) => bus.close()));
  await nats.stop();
}
