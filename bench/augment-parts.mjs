#!/usr/bin/env node
// What each part of the default recipe contributes: `npm run build && node bench/augment-parts.mjs --models DIR --cifar10 DIR
// [--fashion-mnist DIR] [--model NAME] [--epochs N] [--pictures N] [--keep DIR]`. One training for each row, with one thing changed.
// DIRs as for bench/augment.mjs; `--only REGEX` chooses rows by their titles, `--agreements 0.972,0.936` other columns, and
// `--set KEY=VALUE`, repeatable, changes an option of every row. Prints Markdown.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { trainingOptions } from '@offramp/augment';
import { exitCosts } from '@offramp/bundle';
import { subsetOf } from '@offramp/data';
import { z } from 'zod';
import { seededPermutation } from '../augment/dist/support/random.js';
import { costAt, meanCurve } from './support/curves.mjs';
import {
  backbonesOn,
  curveOf,
  dataFor,
  parse,
  percent,
  runEveryExit,
  trainedBundle,
} from './support/exit-runs.mjs';

const { values: flags } = parseArgs({
  options: {
    models: { type: 'string' },
    cifar10: { type: 'string' },
    'fashion-mnist': { type: 'string' },
    model: { type: 'string', default: 'cifar10-resnet20' },
    epochs: { type: 'string', default: '3' },
    pictures: { type: 'string', default: '16000' },
    keep: { type: 'string' },
    only: { type: 'string', default: '' },
    agreements: { type: 'string', default: '0.99,0.98,0.95,0.9' },
    set: { type: 'string', multiple: true, default: [] },
  },
});

const places = [
  ['the default recipe', {}],
  ['placement linear', { placement: 'linear' }],
  ['placement linear, body pool', { placement: 'linear', body: 'pool' }],
];
/** Branches at the places of the default recipe, so that no further trial runs. */
const parts = [
  ['the places of the default recipe, all conv3', {}],
  ['body conv1', { body: 'conv1' }],
  ['reduce stride', { reduce: 'stride' }],
  ['reduce depthwise', { reduce: 'depthwise' }],
  ['reduce none', { reduce: 'none' }],
  ['reuse none', { reuse: 'none' }],
  ['reuse geometric', { reuse: 'geometric' }],
  ['no distillation', { distillation: 0 }],
  ['weighted by the samples that arrive (reach floor 0.3)', { reachFloor: 0.3 }],
  ['confidence heads trained jointly, on training pictures', { confidence: 'joint' }],
  ...['sum', 'fused'].flatMap((loss) => [
    [`PTEENet's loss, ${loss} form`, { confidence: 'joint', loss }],
    ...[0.1, 0.5, 8].map((lambda) => [
      `PTEENet's loss, ${loss} form, λ = ${lambda}`,
      { confidence: 'joint', loss, lambda },
    ]),
  ]),
  ['no flips and crops', { flip: false, crop: 0 }],
];
const agreements = flags.agreements.split(',').map(Number);
const only = new RegExp(flags.only);
const set = Object.fromEntries(
  flags.set.map((pair) => {
    const [key, value = ''] = pair.split('=');
    return [key, parse(key, value)];
  }),
);

const where = { cifar10: flags.cifar10, fashionMnist: flags['fashion-mnist'] };
const backbone = backbonesOn(where).find(({ name }) => name === flags.model);
if (!backbone) throw new Error(`--model: expected a backbone whose data are given, found ${flags.model}`);
const all = await dataFor(backbone, 8);
const some = [...seededPermutation(all.pictures.size, 0)]
  .slice(0, Number(flags.pictures))
  .sort((a, b) => a - b);
const data = { ...all, pictures: subsetOf(all.pictures, some) };
let cutPoints;
console.log(`# What each part of the recipe contributes

${cpus()[0].model}, ${availableParallelism()} cores, Node ${process.version}; load at start: ${loadavg()[0].toFixed(1)}. \`${backbone.name}\`,
${flags.epochs} epochs over ${data.pictures.size} pictures, one seed: differences below half a point are not significant.

| changed | branches | their cost | ${agreements.map((agreement) => `cost at ${percent(agreement)}`).join(' | ')} | minutes |
|---|---|---|${agreements.map(() => '---').join('|')}|---|`);
for (const [i, [title, changed]] of places.entries()) await measure(`place${i}`, title, changed);
for (const [i, [title, changed]] of parts.entries()) {
  await measure(`part${i}`, title, { body: 'conv3', ...(cutPoints && { cutPoints }), ...changed });
}

async function measure(folder, title, changed) {
  if (!only.test(title)) return;
  const training = z
    .object(trainingOptions)
    .parse({ ...backbone.options, epochs: Number(flags.epochs), ...changed, ...set });
  const keep = flags.keep && join(flags.keep, folder);
  const trained = await trainedBundle({ ...backbone, models: flags.models, keep }, data, training);
  const { stages } = trained.bundle.manifest;
  cutPoints ??= stages.flatMap(({ branch }) => branch?.cutPoint ?? []);
  const costs = exitCosts(trained.bundle.manifest);
  const exits = await runEveryExit(trained.bundle, data.test);
  const curves = await Promise.all(data.splits.map((split) => curveOf(exits, split, costs, training)));
  const curve = meanCurve(curves);
  const cells = agreements.map((agreement) => percent(costAt(curve, agreement)));
  console.log(
    `| ${title} | ${costs.length - 1} | ${percent(costs.at(-1) - 1)} | ${cells.join(' | ')} | ${trained.minutes.toFixed(1)} |`,
  );
}
