#!/usr/bin/env node
// What complete, typed messages cost beside the code that protobufjs generates by default: `npm run build && node
// bench/data-plane/messages.mjs [--rounds N] > bench/data-plane/messages.md`. Prints Markdown.
// Both variants take turns within each round; a ratio is the median over the rounds of the ratio within one.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { thisMachine } from '@offramp/augment';
import { v1 } from '@offramp/contracts';
import { recordedMessages } from '@offramp/contracts/testing';
import { pbjs } from 'protobufjs-cli';
import { median } from './support/statistics.mjs';

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '31' } } });
const rounds = Number(flags.rounds);
const root = fileURLToPath(new URL('../..', import.meta.url));
const msPerTurn = 50;

const { cpu, cores, nodeVersion } = thisMachine();
const plain = await generatePlain();
const activation = { ...recordedMessages.ResumeRequest.tensor, data: new Uint8Array(5_700).fill(7) };
const samples = {
  TelemetryReport: recordedMessages.TelemetryReport,
  ResumeRequest: { ...recordedMessages.ResumeRequest, tensor: activation },
  ResumeResponse: recordedMessages.ResumeResponse,
};

const rows = [];
for (const [name, message] of Object.entries(samples)) {
  const bytes = v1[name].encode(message).finish();
  const same = Buffer.from(plain[name].encode(message).finish()).equals(Buffer.from(bytes));
  if (!same) throw new Error(`${name}: expected both variants to write the same bytes`);
  const works = {
    encode: (type) => type.encode(message).finish(),
    decode: (type) => type.decode(bytes),
  };
  for (const [work, run] of Object.entries(works)) {
    const measured = Array.from({ length: rounds + 3 }, (_, round) => {
      const order = round % 2 === 0 ? [v1, plain] : [plain, v1];
      const perCall = new Map(order.map((types) => [types, microseconds(() => run(types[name]))]));
      return { contracts: perCall.get(v1), plain: perCall.get(plain) };
    }).slice(3);
    const ratio = median(measured.map((each) => each.contracts / each.plain));
    const us = (of) => median(measured.map((each) => each[of])).toFixed(2);
    rows.push(
      `| ${name} | ${work} | ${bytes.length} | ${us('contracts')} | ${us('plain')} | ${ratio.toFixed(2)} |`,
    );
  }
}

console.log(`# Messages: the contracts beside plain protobufjs

${cpu}, ${cores} cores, Node.js ${nodeVersion}. ${rounds} rounds; microseconds a call, medians.

| message | | bytes | contracts | plain | ratio |
|---|---|---|---|---|---|
${rows.join('\n')}`);

function microseconds(call) {
  const started = performance.now();
  let calls = 0;
  let elapsed = 0;
  do {
    for (let i = 0; i < 100; i++) call();
    calls += 100;
    elapsed = performance.now() - started;
  } while (elapsed < msPerTurn);
  return (1000 * elapsed) / calls;
}

/** What `pbjs` makes of the same contracts with its defaults, but for 64-bit integers as numbers. */
async function generatePlain() {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-'));
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const code = await promisify(pbjs.main)([
      ...['--target', 'static-module', '--wrap', 'es6', '--path', join(root, 'proto'), '--force-number'],
      ...['offload', 'fleet'].map((name) => join(root, `proto/offramp/v1/${name}.proto`)),
    ]);
    const path = join(folder, 'plain.js');
    writeFileSync(path, code.replace('protobufjs/minimal"', 'protobufjs/minimal.js"'));
    return (await import(pathToFileURL(path).href)).offramp.v1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
