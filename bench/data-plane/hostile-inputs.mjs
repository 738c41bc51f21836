#!/usr/bin/env node
// What hostile clients cost an agent: `npm run build && node bench/data-plane/hostile-inputs.mjs [--seconds N] [--rounds N]
// > bench/data-plane/hostile-inputs.md`. Prints Markdown, and ends with status 1 if a bound does not hold.
// Rates are compared within one run: an agent alone, then under its clients, in turns.
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { thisMachine } from '@offramp/augment';
import { Bundle } from '@offramp/bundle';
import { BenchedAgent } from './support/benched-agent.mjs';
import { filterPicture, largePicture, PictureClients, SlowClients } from './support/hostile-clients.mjs';
import { mean, quantile } from './support/statistics.mjs';

const example = (path) => fileURLToPath(new URL(`../../examples/fashion-mnist/${path}`, import.meta.url));
const { values: flags } = parseArgs({
  options: { seconds: { type: 'string', default: '20' }, rounds: { type: 'string', default: '3' } },
});
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);
const clients = 64;
const drainMs = 2_000;
const bounds = { rate: 0.8, memory: 600e6, stopMs: drainMs + 2_000 };

const { stages } = (await Bundle.open(example('bundle'))).manifest;
const picture = await largePicture();
const attacks = [
  ['64 slow bodies', (address) => new SlowClients(address, clients)],
  ['64 parallel pictures of 12 megapixels', (address) => new PictureClients(address, clients, picture)],
  ['64 parallel SVG pictures with filters', (address) => new PictureClients(address, clients, filterPicture)],
];
const { cpu, cores, nodeVersion } = thisMachine();

console.log(`# Hostile clients of an agent

\`fashion-mnist\`, ${stages.length} stages, all on the device; ${rounds} rounds, in each ${seconds} s alone and ${seconds} s under ${clients} clients.
${cpu}, ${cores} cores, shared with the clients (load ${loadavg()[0].toFixed(1)}); Node.js ${nodeVersion}.

A slow body is one byte every two seconds. A picture of 12 megapixels is a JPEG of ${(picture.length / 1e6).toFixed(1)} MB. Clients ask again at once; after a
refusal, when the agent says, or after 100 ms. *Rate*: answers to the local source against the same agent alone, the mean of all rounds. *Memory*: resident, of the
agent and its decoding processes together, pages that they share counted once, the most at any time. *Stop*: from SIGTERM under the clients to the end of the process, the longest.

| source | clients | rate alone, 1/s | rate | memory, MB | stop, s | accepted samples | lines | answered over HTTP | refused |
|---|---|---|---|---|---|---|---|---|---|`);

let holds = true;
for (const rate of [20, 0]) {
  for (const [name, start] of attacks) await attacked(rate, name, start);
}
console.log(`
Bounds: at least ${bounds.rate * 100} % of the rate, ${bounds.memory / 1e6} MB, ${bounds.stopMs / 1e3} s (a drain of ${drainMs / 1e3} s and two more), one line for each sample: **${
  holds ? 'they hold' : 'THEY DO NOT HOLD'
}**.`);
process.exitCode = holds ? 0 : 1;

async function attacked(rate, name, start) {
  const found = [];
  for (let round = 0; round < rounds; round++) {
    const agent = await BenchedAgent.start([
      ...['--bundle', example('bundle'), '--source', example('data'), '--loop', '--rate', String(rate)],
      ...['--listen', '127.0.0.1:0', '--device-stages', String(stages.length)],
      ...['--drain-ms', String(drainMs), '--nats', 'none'],
    ]);
    const alone = await agent.sourceRate(seconds);
    const hostile = start(agent.address);
    const under = await agent.sourceRate(seconds);
    const stopMs = await agent.stop();
    await hostile.stop();
    found.push({ alone, under, stopMs, memory: agent.mostMemory, ...agent.lines(), ...hostile.counts });
  }
  const sum = (of) => found.reduce((total, one) => total + of(one), 0);
  const most = (of) => quantile(found.map(of), 1);
  const kept = mean(found.map(({ alone, under }) => under / alone));
  const memory = most((one) => one.memory);
  const stopMs = most((one) => one.stopMs);
  const [samples, lines] = [sum((one) => one.samples), sum((one) => one.lines)];
  const repeated = sum((one) => one.repeated);
  holds &&= kept >= bounds.rate && memory <= bounds.memory && stopMs <= bounds.stopMs;
  holds &&= samples === lines && repeated === 0;
  const cells = [
    rate === 0 ? 'as fast as it goes' : `${rate} pictures/s`,
    name,
    mean(found.map(({ alone }) => alone)).toFixed(0),
    `${(kept * 100).toFixed(0)} %`,
    (memory / 1e6).toFixed(0),
    (stopMs / 1e3).toFixed(2),
    samples,
    lines,
    sum((one) => one.answered),
    sum((one) => one.refused),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
