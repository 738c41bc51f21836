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
const bounds = { megabytesPerSecond: 20, hostile: 1.5 };

/** 24 channels of 8 × 8, each with a bell-shaped table: what a codec of CIFAR-10's ResNet-56 has. */
const parts = { tables: 24, symbols: 64 };
const { uniform: random } = randomFrom(1);
const tables = Array.from({ length: parts.tables }, (_, i) => bell(parts.symbols, 0.5 + i / 8));
const layout = { shape: [32, 16, 16], code: tables };
const honest = Array.from({ length: 256 }, () => encodeTensor(learned, layout, drawCode()));
const code = drawCode();

const symbols = parts.tables * parts.symbols;
const into = new Float32Array(symbols);
const encoding = secondsPer(() => encodeTensor(learned, layout, code));
const decoding = secondsPer(decodeHonest());
const speed = (seconds) => (symbols * Float32Array.BYTES_PER_ELEMENT) / seconds / 1e6;

const found = new Map();
const startedAt = performance.now();
for (let i = 0; i < payloads; i++) {
  const outcome = decoded(hostile(i));
  found.set(outcome, (found.get(outcome) ?? 0) + 1);
}
const hostileSeconds = (performance.now() - startedAt) / 1e3;
const ratio = secondsPer(() => decoded(hostile(Math.floor(random() * 1e6)))) / decoding;
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

A hostile payload, made and decoded, takes ${ratio.toFixed(2)} of the time of an honest one that is decoded.
Bounds: ${bounds.megabytesPerSecond} MB/s, ${bounds.hostile} of the time, no error but TENSOR_INVALID: **${holds ? 'they hold' : 'THEY DO NOT HOLD'}**.`);
process.exitCode = holds ? 0 : 1;

function decodeHonest() {
  let next = 0;
  return () => checkTensor('activation', layout, honest[next++ % honest.length]).decodeInto(into);
}

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
  if (kind === 0)
    return Uint8Array.from({ length: Math.floor(random() * data.length * 2) }, () => random() * 256);
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

/** The median of several turns. */
function secondsPer(run) {
  const turns = Array.from({ length: 15 }, () => {
    const start = performance.now();
    let runs = 0;
    while (performance.now() - start < 40) {
      for (let i = 0; i < 10; i++) run();
      runs += 10;
    }
    return (performance.now() - start) / 1e3 / runs;
  });
  return median(turns);
}
