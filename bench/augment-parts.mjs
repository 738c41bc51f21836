#!/usr/bin/env node
// What each part of the default recipe contributes: `npm run build && node bench/augment-parts.mjs --models DIR --cifar10 DIR
// [--fashion-mnist DIR] [--model NAME] [--epochs N] [--keep DIR]`. One training for each row, with one thing changed.
// DIRs as for bench/augment.mjs. Prints Markdown.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { trainingOptions } from '@offramp/augment';
import { exitCosts } from '@offramp/shared';
import { z } from 'zod';
import {
  backbonesOn,
  costAt,
  curveOf,
  dataFor,
  meanCurve,
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
    epochs: { type: 'string', default: '2' },
    keep: { type: 'string' },
  },
});

const places = [
  ['the default recipe', {}],
  ['placement linear', { placement: 'linear' }],
  ['placement linear, body pool', { placement: 'linear', body: 'pool' }],
];
/** With branches where the default recipe has them, so that there is no further trial. */
const parts = [
  ['the places of the default recipe, all conv3', {}],
  ['body conv1', { body: 'conv1' }],
  ['reduce stride', { reduce: 'stride' }],
  ['reduce depthwise', { reduce: 'depthwise' }],
  ['reduce none', { reduce: 'none' }],
  ['reuse none', { reuse: 'none' }],
  ['reuse geometric', { reuse: 'geometric' }],
  ['no distillation', { distillation: 0 }],
  ['distillation alone', { distillation: 1 }],
  ['weighted towards who arrives (reach floor 0.3)', { reachFloor: 0.3 }],
  ['confidence heads trained jointly, on training pictures', { confidence: 'joint' }],
  ["PTEENet's loss, sum form", { confidence: 'joint', loss: 'sum' }],
  ["PTEENet's loss, fused form", { confidence: 'joint', loss: 'fused' }],
  ['no flips and crops', { flip: false, crop: 0 }],
];
const agreements = [0.99, 0.98, 0.95, 0.9];

const where = { cifar10: flags.cifar10, fashionMnist: flags['fashion-mnist'] };
const backbone = backbonesOn(where).find(({ name }) => name === flags.model);
if (!backbone) throw new Error(`--model: expected a backbone whose data are given, found ${flags.model}`);
const data = await dataFor(backbone, 8);
let cutPoints;
console.log(`# What each part of the recipe contributes

${cpus()[0].model}, ${availableParallelism()} cores, Node ${process.version}; load when it began: ${loadavg()[0].toFixed(1)}. \`${backbone.name}\`,
${flags.epochs} epochs over ${data.pictures.size} pictures, one seed: differences below half a point say little.

| changed | branches | their cost | ${agreements.map((agreement) => `cost at ${percent(agreement, 0)}`).join(' | ')} | minutes |
|---|---|---|${agreements.map(() => '---').join('|')}|---|`);
for (const [i, [title, changed]] of places.entries()) await measure(`place${i}`, title, changed);
for (const [i, [title, changed]] of parts.entries()) {
  await measure(`part${i}`, title, { body: 'conv3', cutPoints, ...changed });
}

async function measure(folder, title, changed) {
  const training = z
    .object(trainingOptions)
    .parse({ ...backbone.options, epochs: Number(flags.epochs), ...changed });
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
