#!/usr/bin/env node
// Codes of a learned codec: speed, and what hostile bytes cost: `npm run build && node bench/data-plane/codes.mjs
// [--payloads N] > bench/data-plane/codes.md`. Prints Markdown, and ends with status 1 if a bound does not hold.
import { parseArgs } from 'node:util';
import { thisMachine } from '@offramp/augment';
import { checkTensor, encodeTensor, frequencyBits, learned } from '@offramp/bundle';
import { isOfframpError } from '@offramp/runtime';
import { randomFrom } from '../fleet/support/random.mjs';
import { median } from './support/statistics.mjs';

const { values: flags } = parseArgs({ options: { payloads: { type: 'string', default: '1000000' } } });
const payloads = Number(flags.payloads);
const bounds = { megabytesPerSecond: 20, hostile: 1.2 };

/** 24 channels of 8 × 8, each with a bell-shaped table: what a codec of CIFAR-10's ResNet-56 has. */
const parts = { tables: 24, symbols: 64 };
const { uniform: random } = randomFrom(1);
const tables = Array.from({ length: parts.tables }, (_, i) => bell(parts.symbols, 0.5 + i / 8));
const layout = { shape: [32, 16, 16], code: tables };
const honest = Array.from({ length: 256 }, () => encodeTensor(learned, layout, drawCode()));
const code = drawCode();
const noise = Uint8Array.from({ length: 2 ** 16 }, () => Math.floor(random() * 256));

const symbols = parts.tables * parts.symbols;
const into = new Float32Array(symbols);
const made = Array.from({ length: 1_000 }, (_, i) => hostile(i));
let next = 0;
const works = {
  encoding: () => encodeTensor(learned, layout, code),
  decoding: () => decoded(honest[next++ % honest.length].data),
  refusing: () => decoded(new Uint8Array(10_000)),
  hostile: () => decoded(made[next++ % made.length]),
};
// All take turns within each round.
const rounds = Array.from({ length: 25 }, () =>
  Object.fromEntries(Object.entries(works).map(([name, run]) => [name, secondsPer(run)])),
);
const [encoding, decoding, refusing] = Object.keys(works).map((name) =>
  median(rounds.map((round) => round[name])),
);
const ratio = median(rounds.map((round) => round.hostile / (round.decoding + round.refusing)));
const speed = (seconds) => (symbols * Float32Array.BYTES_PER_ELEMENT) / seconds / 1e6;

const found = new Map();
const startedAt = performance.now();
for (let i = 0; i < payloads; i++) {
  const outcome = decoded(hostile(i));
  found.set(outcome, (found.get(outcome) ?? 0) + 1);
}
const hostileSeconds = (performance.now() - startedAt) / 1e3;
const untyped = found.get('another error') ?? 0;
const holds =
  Math.min(speed(encoding), speed(decoding)) >= bounds.megabytesPerSecond &&
  ratio <= bounds.hostile &&
  untyped === 0;
const { cpu, cores, nodeVersion } = thisMachine();

console.log(`# Codes of a learned codec

${parts.tables} tables of ${parts.symbols} symbols each, as float32 ${(symbols * 4) / 1e3} kB; ${cpu}, ${cores} cores, Node.js ${nodeVersion}.

| | µs per code | MB/s of symbols as float32 |
|---|---|---|
| encode | ${(encoding * 1e6).toFixed(0)} | ${speed(encoding).toFixed(0)} |
| check and decode | ${(decoding * 1e6).toFixed(0)} | ${speed(decoding).toFixed(0)} |

${payloads.toLocaleString('en')} hostile payloads in ${hostileSeconds.toFixed(0)} s: codes with changed, missing and additional bytes, and random bytes.

| outcome | payloads |
|---|---|
${[...found].map(([outcome, count]) => `| ${outcome} | ${count.toLocaleString('en')} |`).join('\n')}

A refusal by length alone takes ${(refusing * 1e6).toFixed(0)} µs, which is the error. A hostile payload takes ${ratio.toFixed(2)} of what an honest code and such a refusal take together.
Bounds: ${bounds.megabytesPerSecond} MB/s, ${bounds.hostile} of that, no error but TENSOR_INVALID: **${holds ? 'they hold' : 'THEY DO NOT HOLD'}**.`);
process.exitCode = holds ? 0 : 1;

function decoded(data) {
  try {
    checkTensor('activation', layout, { shape: layout.shape, encoding: learned.encoding, data }).decodeInto(
      into,
    );
    return 'symbols of the tables';
  } catch (error) {
    return isOfframpError(error) && error.code === 'TENSOR_INVALID' ? 'TENSOR_INVALID' : 'another error';
  }
}

function hostile(i) {
  const { data } = honest[i % honest.length];
  const kind = i % 4;
  if (kind === 0) {
    const at = Math.floor(random() * 2 ** 15);
    return noise.subarray(at, at + Math.floor(random() * data.length * 2));
  }
  if (kind === 1) return data.subarray(0, Math.floor(random() * data.length));
  const changed = new Uint8Array(data.length + (kind === 2 ? 0 : 1 + Math.floor(random() * 100)));
  changed.set(data);
  const at = Math.floor(random() * data.length);
  if (kind === 2) changed[at] ^= 1 + Math.floor(random() * 255);
  return changed;
}

function bell(count, width) {
  const lowest = -20;
  const weights = Array.from({ length: 41 }, (_, i) => Math.exp(-(((lowest + i) / width) ** 2) / 2));
  const sum = weights.reduce((a, b) => a + b, 0);
  const total = 2 ** frequencyBits;
  const frequencies = weights.map((weight) => 1 + Math.floor((weight / sum) * (total - weights.length)));
  frequencies[-lowest] += total - frequencies.reduce((a, b) => a + b, 0);
  return { symbols: count, lowest, frequencies };
}

function drawCode() {
  return Float32Array.from(
    tables.flatMap(({ symbols: count, lowest, frequencies }) => {
      let sum = 0;
      const upTo = frequencies.map((frequency) => {
        sum += frequency;
        return sum;
      });
      return Array.from({ length: count }, () => {
        const drawn = random() * sum;
        return lowest + upTo.findIndex((end) => drawn < end);
      });
    }),
  );
}

/** Processor time, which other programs on the cores disturb least. */
function secondsPer(run) {
  const start = process.cpuUsage();
  const runs = 1_000;
  for (let i = 0; i < runs; i++) run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6 / runs;
}
