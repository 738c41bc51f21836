#!/usr/bin/env node
// Turns every .proto into typed, static encoders (protobufjs) in the package that owns it.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pbjs, pbts } from 'protobufjs-cli';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const jobs = [
  {
    out: 'shared/contracts/generated/proto.js',
    protos: ['proto/offramp/v1/offload.proto', 'proto/offramp/v1/fleet.proto', 'proto/ddsketch.proto'],
    flags: ['--force-number', '--null-semantics', '--force-message', '--dependency', '#protobuf'],
  },
  {
    out: 'augment/generated/onnx.js',
    protos: ['augment/proto/onnx.proto'],
    // 64-bit integers keep their precision: exporters write 2^63 - 1 for "to the end".
    flags: ['--force-message', '--force-long'],
  },
];

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

for (const { out, protos, flags } of jobs) {
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
  writeFileSync(target, code);
  writeFileSync(types, await promisify(pbts.main)([target]));
  console.log(`generated ${out} (${readFileSync(target).length} bytes)`);
}
