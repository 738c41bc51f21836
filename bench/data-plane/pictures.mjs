#!/usr/bin/env node
// Bytes of packed pictures, and the agreement that each packing keeps, on real pictures and real nets:
// `npm run build && node bench/data-plane/pictures.mjs [--cifar DIR --cifar-bundle DIR] [--photos DIR --photos-model FILE]
// [--limits EXAMPLE,CIFAR,PHOTOS] > bench/data-plane/pictures.md`. Prints Markdown. The example is always measured. DIR of CIFAR-10 and
// of photographs of ImageNet holds test/, with images by class or without classes. The CIFAR-10 bundle is one of `offramp augment`, with
// any branches. What is not given is skipped, and the output says so.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bundle, InferencePool, sentInputName } from '@offramp/bundle';
import { isLosslessPacking, openDataset, subsetOf } from '@offramp/data';
import { defaultAllowedLoss } from '../../augment/dist/calibrate/choose-codecs.js';
import { smallestPackings } from '../../augment/dist/calibrate/choose-pictures.js';
import { losslessPackings, lossyLadders } from '../../augment/dist/calibrate/picture-candidates.js';
import { PictureTrial } from '../../augment/dist/calibrate/picture-trial.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    cifar: { type: 'string' },
    'cifar-bundle': { type: 'string' },
    photos: { type: 'string' },
    'photos-model': { type: 'string' },
    limits: { type: 'string', default: '10000,10000,10000' },
    threads: { type: 'string', default: '2' },
  },
});
const threads = Number(flags.threads);
const [exampleLimit, cifarLimit, photosLimit] = flags.limits.split(',').map(Number);
const folder = await mkdtemp(join(tmpdir(), 'offramp-bench-'));
const started = performance.now();

console.log(`# Packed pictures

What \`--send-input\` sends. Of each data set, every second picture is for calibration; the others are measured, and have trained
and calibrated nothing. *Offloaded* pictures are those that no exit on the device answers at the bundle's thresholds; only they are
sent (where they are fewer than 100, all are). *Agreement* with the whole model is that of all measured pictures when the offloaded
ones travel in this packing, and that of the offloaded ones alone. *Points* is the difference to sending them without loss.
**Chosen** is the smallest with a loss of at most 0.1 point on the calibration pictures.
`);
try {
  await fashion();
  await cifar();
  await photos();
} finally {
  await rm(folder, { recursive: true });
}
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s in all.`);

async function fashion() {
  const bundle = await Bundle.open(here('../../examples/fashion-mnist/bundle'));
  const dataset = await openDataset(here('../../examples/fashion-mnist/data'), {
    split: 'test',
    channels: 1,
  });
  await measure('Fashion-MNIST, ResNet-56', bundle, dataset, exampleLimit);
}

async function cifar() {
  const { cifar: directory, 'cifar-bundle': bundle } = flags;
  if (!directory || !bundle) return skip('CIFAR-10', '--cifar and --cifar-bundle');
  const dataset = await openDataset(directory, { split: 'test', channels: 3 });
  await measure('CIFAR-10, ResNet-56', await Bundle.open(bundle), dataset, cifarLimit);
}

async function photos() {
  const { photos: directory, 'photos-model': model } = flags;
  if (!directory || !model) return skip('Photographs', '--photos and --photos-model');
  const out = join(folder, 'photos');
  await offramp(
    ...['augment', model, '--data', directory, '--split', 'test', '--unlabelled', '--out', out],
    ...[
      '--branches',
      '0',
      '--mean',
      '0.5,0.5,0.5',
      '--std',
      '0.5,0.5,0.5',
      '--resize-mode',
      'fit-crop',
      '--resize',
      '256',
    ],
  );
  const dataset = await openDataset(directory, { split: 'test', channels: 3 });
  const title = 'Photographs, 224 × 224, MobileNetV2 without exits';
  await measure(title, await Bundle.open(out), dataset, photosLimit);
}

function skip(what, options) {
  console.log(`## ${what}: skipped\n\nMeasured with ${options}.\n`);
}

async function offramp(...args) {
  const child = spawn(process.execPath, [here('../../cli/bin/offramp.js'), ...args], {
    stdio: ['ignore', 2, 2],
  });
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new Error(`offramp ${args[0]} ended with ${status}`);
}

async function measure(title, bundle, dataset, limit) {
  const { input, deviceStages, stages } = bundle.manifest;
  const all = spread(dataset.size, Math.min(dataset.size, limit));
  const pool = await InferencePool.create(bundle, { threads });
  const trialOn = (indices) => {
    const subset = subsetOf(dataset, indices);
    return PictureTrial.create({ bundle, pool, dataset: subset, input, samples: subset.size, batchSize: 32 });
  };
  const calibration = await trialOn(all.filter((_, i) => i % 2 === 0));
  const measured = await trialOn(all.filter((_, i) => i % 2 === 1));
  const stage = deviceStages < stages.length ? deviceStages : 0;
  const [every] = measured.boundaries;
  console.log(`## ${title}

${measured.samples} pictures measured, ${calibration.samples} for calibration. Every picture without loss: ${await losslessBytes(measured, every)}.
`);
  await boundaryTable({ calibration, measured, stage });
  await pool.close();
  process.stderr.write(`${title}: done\n`);
}

/** Some of the pictures, from all classes where they are sorted by class. */
function spread(size, count) {
  return Array.from({ length: count }, (_, i) => Math.floor((i * size) / count));
}

async function losslessBytes(trial, { members }) {
  const sizes = [];
  for (const packing of losslessPackings) {
    const packed = await trial.pack(packing, members);
    const bytes = packed.reduce((sum, { byteLength }) => sum + byteLength, 0) / packed.length;
    sizes.push(`${sentInputName(packing)} ${integer(bytes)} bytes`);
  }
  return sizes.join(', ');
}

async function boundaryTable({ calibration, measured, stage }) {
  const judged = calibration.boundaries[stage];
  const allowedLost = Math.floor(calibration.samples * defaultAllowedLoss + 1e-9);
  const options = { allowedLost, onForm: () => undefined };
  const chosen = (await smallestPackings(calibration, [judged], options)).get(judged);
  const boundary = measured.boundaries[stage];
  const { members, agreedBefore } = boundary;
  const exact = members.filter((index) => measured.agreesExactly(index, stage)).length;
  const without = (agreedBefore + exact) / measured.samples;
  console.log(`${stage === 0 ? 'No stage' : stage} on the device: ${members.length} sent. Without loss the cascade's agreement is ${percent(without)}.

| packing | bytes | agreement | of the offloaded | points |
|---|---|---|---|---|`);
  const rows = [];
  for (const packing of [...losslessPackings, ...lossyLadders.flat()]) {
    const tally = (await measured.run(packing, [boundary], Number.POSITIVE_INFINITY)).get(boundary);
    rows.push({ packing, bytes: tally.bytes / tally.samples, agreed: tally.agreed });
  }
  rows.sort((a, b) => b.bytes - a.bytes);
  for (const { packing, bytes, agreed } of rows) {
    const agreement = (agreedBefore + agreed) / measured.samples;
    const at = chosen.findIndex(({ form, quality }) => form === packing.form && quality === packing.quality);
    const name = `${sentInputName(packing)}${isLosslessPacking(packing) ? ', no loss' : ''}`;
    const shown = at === 0 ? `**chosen: ${name}**` : at > 0 ? `${name}, the smallest of its form` : name;
    console.log(
      `| ${shown} | ${integer(bytes)} | ${percent(agreement)} | ${percent(agreed / members.length)} | ${((agreement - without) * 100).toFixed(2)} |`,
    );
  }
  console.log('');
}

function integer(value) {
  return Math.round(value).toLocaleString('en-US');
}

function percent(share) {
  return `${(share * 100).toFixed(2)} %`;
}
