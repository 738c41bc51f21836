#!/usr/bin/env node
// What `offramp augment` takes at 224 × 224: `npm run build && node bench/augment-memory.mjs --model FILE --photos DIR [--pictures 500]
// [--only NAME] [-- more options of augment] > bench/augment-memory.md`. FILE takes 3 × 224 × 224 pictures with mean and std 0.5;
// DIR has at least as many photographs. Prints Markdown. An hour or two.
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadBackbone, thisMachine } from '@offramp/augment';
import { residualNet } from './support/residual-net.mjs';

const { values: flags, positionals: more } = parseArgs({
  options: {
    model: { type: 'string' },
    photos: { type: 'string' },
    pictures: { type: 'string', default: '500' },
    only: { type: 'string' },
  },
  allowPositionals: true,
});
const offramp = fileURLToPath(new URL('../cli/bin/offramp.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'offramp-memory-'));
const GiB = 2 ** 30;

/** A random net answers alike for all pictures, which `augment` accepts only if labels differ. */
const labelled = photosIn(['c0', 'c1']);
const labels = join(folder, 'labels.txt');
writeFileSync(labels, Array.from({ length: 1000 }, (_, i) => `c${i}\n`).join(''));
const generated = join(folder, 'residual-net.onnx');
writeFileSync(generated, residualNet());
const runs = [
  { file: flags.model, data: photosIn(['.']), options: [], wanted: 2 * GiB },
  { file: generated, data: labelled, options: ['--labels', labels], wanted: 3 * GiB },
];

const { cpu, cores, onnxruntimeVersion, nodeVersion } = thisMachine();
console.log(`# Memory and time of augment at 224 × 224

${cpu}, ${cores} cores, Node ${nodeVersion}, ONNX Runtime ${onnxruntimeVersion}; load at start: ${loadavg()[0].toFixed(1)}.
${flags.pictures} photographs, default recipe${more.length > 0 ? ` with ${more.join(' ')}` : ''}. Memory is the peak of the resident set (\`VmHWM\` in \`/proc\`), of the process and of
those that decode pictures for it, which are beside it; these are added up whether or not they peak at the same time.
`);
try {
  for (const run of runs) {
    if (!flags.only || basename(run.file).startsWith(flags.only)) await measure(run);
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Copies photographs, divided among folders. @returns the folder of these */
function photosIn(classes) {
  const to = mkdtempSync(join(folder, 'photos-'));
  const files = readdirSync(flags.photos).filter((name) => /\.(jpe?g|png|webp)$/i.test(name));
  const wanted = Number(flags.pictures);
  if (files.length < wanted) throw new Error(`--photos: expected at least ${wanted}; found ${files.length}`);
  for (const [i, name] of files.sort().slice(0, wanted).entries()) {
    const inside = join(to, classes[i % classes.length]);
    mkdirSync(inside, { recursive: true });
    copyFileSync(join(flags.photos, name), join(inside, name));
  }
  return to;
}

async function measure({ file, data, options, wanted }) {
  const name = basename(file, '.onnx');
  const { profile } = await loadBackbone(file);
  const out = join(folder, `bundle-${name}`);
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [
      ...[offramp, 'augment', file, '--data', data, '--out', out],
      ...['--mean', '0.5,0.5,0.5', '--std', '0.5,0.5,0.5', '--resize-mode', 'fit-crop', ...options, ...more],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const peaks = new Map();
  const lines = [];
  const timer = setInterval(() => watch(child.pid, peaks), 50);
  const read = async (stream, take) => {
    for await (const line of createInterface({ input: stream })) take(line);
  };
  const texts = [];
  const status = new Promise((resolve) => child.once('exit', resolve));
  await Promise.all([
    read(child.stderr, (line) => {
      lines.push({ line, peak: peaks.get(child.pid) ?? 0 });
      process.stderr.write(`${name}: ${line}\n`);
    }),
    read(child.stdout, (line) => texts.push(line)),
  ]);
  const code = await status;
  clearInterval(timer);
  const minutes = (performance.now() - started) / 60_000;
  const peak = peaks.get(child.pid) ?? 0;
  const others = [...peaks].reduce((sum, [pid, bytes]) => sum + (pid === child.pid ? 0 : bytes), 0);
  console.log(`## ${name}

${(profile.macs / 1e9).toFixed(2)} G multiply-accumulates, ${(profile.parameters / 1e6).toFixed(1)} M weights. ${endOf(code)}Peak ${gib(peak)}, wanted at most ${gib(wanted)}: ${verdictOn(code, peak, wanted)}; the
processes that decode and probe ${gib(others)}. ${minutes.toFixed(1)} minutes.

| step | peak of the process until its end |
|---|---:|
${lines.map((each) => `| ${each.line.replaceAll('|', '\\|')} | ${gib(each.peak)} |`).join('\n')}

\`\`\`
${texts.join('\n')}
\`\`\`
`);
  if (code !== 0) process.exitCode = 1;
}

/** After a signal to `augment`, the steps until then are recorded. */
function endOf(code) {
  if (code === 0) return '';
  return code === 130 || code === 143 ? '**Stopped before its end.** ' : `**Failed with status ${code}.** `;
}

function verdictOn(code, peak, wanted) {
  if (peak > wanted) return `missed by ${gib(peak - wanted)}`;
  return code === 0 ? 'met' : 'met so far';
}

/** Notes the peaks of a process and of its children. */
function watch(pid, peaks) {
  const children = readOr(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);
  for (const each of [pid, ...children]) {
    const kibibytes = Number(/VmHWM:\s+(\d+)/.exec(readOr(`/proc/${each}/status`))?.[1] ?? 0);
    peaks.set(each, Math.max(peaks.get(each) ?? 0, kibibytes * 1024));
  }
}

function readOr(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function gib(bytes) {
  return `${(bytes / GiB).toFixed(2)} GiB`;
}
