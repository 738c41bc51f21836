#!/usr/bin/env node
// Turns every .proto into typed, static encoders (protobufjs) where the package that owns it looks for them.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pbjs, pbts } from 'protobufjs-cli';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const jobs = [
  {
    out: 'shared/generated/proto.js',
    protos: ['proto/offramp/v1/offload.proto', 'proto/offramp/v1/fleet.proto', 'proto/ddsketch.proto'],
    flags: ['--force-number'],
    finish: readNumbers,
  },
  {
    out: 'augment/generated/onnx.js',
    protos: ['augment/proto/onnx.proto'],
    // 64-bit integers stay whole: exporters write 2^63 - 1 for "to the end".
    flags: ['--force-message', '--force-long'],
  },
];

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

for (const { out, protos, flags, finish } of jobs) {
  const target = join(root, out);
  const types = target.replace(/\.js$/, '.d.ts');
  const sources = protos.map((proto) => join(root, proto));
  const newest = Math.max(modified(fileURLToPath(import.meta.url)), ...sources.map(modified));
  if (modified(types) > newest) continue;
  mkdirSync(dirname(target), { recursive: true });
  const code = await promisify(pbjs.main)([
    ...['--target', 'static-module', '--wrap', 'es6', '--path', join(root, 'proto')],
    ...['--no-create', '--no-verify', '--no-convert', '--no-delimited', '--no-service'],
    ...flags,
    ...sources,
  ]);
  writeFileSync(target, finish ? finish(code) : code);
  writeFileSync(types, await promisify(pbts.main)([target]));
  console.log(`generated ${out} (${readFileSync(target).length} bytes)`);
}

/**
 * `--force-number` types 64-bit fields as numbers, yet the code still reads `Long` objects wherever the
 * `long` package is installed. Ours are counts, ids and durations: read them as numbers, and fail on one
 * that a number cannot hold, rather than round it.
 */
function readNumbers(code) {
  return `${code
    .replaceAll('reader.uint64()', 'readNumber(reader)')
    .replaceAll(/reader\.uint64s\((message\.\w+)\)/g, 'readNumbers(reader, $1)')
    .replaceAll('$util.Long ? $util.Long.fromBits(0,0,true) : 0', '0')}
function readNumber(reader) {
  const value = reader.uint64();
  const number = typeof value === 'object' ? value.toNumber() : value;
  if (number > Number.MAX_SAFE_INTEGER) throw new RangeError('expected an integer below 2^53');
  return number;
}
function readNumbers(reader, into) {
  const end = reader.uint32() + reader.pos;
  while (reader.pos < end) into.push(readNumber(reader));
  if (reader.pos !== end) throw new RangeError('expected the packed integers to end at ' + end);
}
`;
}
