#!/usr/bin/env node
// What early exits save: `npm run build && node bench/augment.mjs --models DIR --cifar10 DIR --fashion-mnist DIR --tiny-imagenet DIR
// [--only NAME] [--pooled] [--epochs N] [--splits N] [--set option=value …] [--keep DIR]`; --keep keeps trained bundles for the next run. With --only,
// --bundle DIR reads an existing bundle instead of training one.
// --pooled adds a column for six linear heads on pooled activations, spread over the cost.
// DIRs: the backbones; CIFAR-10 as train/<class>/ and test/<class>/, Tiny ImageNet likewise; Fashion-MNIST as IDX files. Prints Markdown.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { trainingOptions } from '@offramp/augment';
import { Bundle, exitCosts } from '@offramp/bundle';
import { z } from 'zod';
import { costAt, costDifference, goals, mean, meanCurve } from './support/curves.mjs';
import {
  backbonesOn,
  curveOf,
  dataFor,
  parse,
  percent,
  runEveryExit,
  timesOf,
  trainedBundle,
} from './support/exit-runs.mjs';

const { values: flags } = parseArgs({
  options: {
    models: { type: 'string' },
    cifar10: { type: 'string' },
    'fashion-mnist': { type: 'string' },
    'tiny-imagenet': { type: 'string' },
    pooled: { type: 'boolean', default: false },
    only: { type: 'string' },
    epochs: { type: 'string', default: '5' },
    splits: { type: 'string', default: '50' },
    set: { type: 'string', multiple: true, default: [] },
    keep: { type: 'string' },
    bundle: { type: 'string' },
  },
});

/** Agreement to reach, the most that it may cost, and what PTEENet published for ResNet-110. */
const wantedOn = {
  'cifar10-resnet56': [
    [0.991, 0.76, 0.92],
    [0.972, 0.58, 0.73],
    [0.936, 0.44, 0.57],
    [0.89, 0.35, 0.45],
  ],
  'fashion-resnet56': [
    [0.99, 0.28],
    [0.98, 0.2],
  ],
};
const comparedAt = [0.991, 0.98, 0.972, 0.936, 0.89];
const criteria = ['confidence', 'max-softmax', 'entropy'];
const backbones = backbonesOn({
  cifar10: flags.cifar10,
  fashionMnist: flags['fashion-mnist'],
  tinyImagenet: flags['tiny-imagenet'],
});

console.log(`# What early exits save

${cpus()[0].model}, ${availableParallelism()} cores, Node ${process.version}; load at start: ${loadavg()[0].toFixed(1)}.
Cost counts the branches. Agreement is with the backbone, on pictures used for neither training, calibration nor
placement of branches. Criteria share their class heads; confidence heads are fitted on the calibration pictures.
`);
for (const backbone of backbones) {
  if (!flags.only || flags.only === backbone.name) await measure(backbone);
}

async function measure(backbone) {
  const { name, options } = backbone;
  const overrides = Object.fromEntries(
    flags.set.map((pair) => pair.split('=')).map(([key, value]) => [key, parse(key, value)]),
  );
  const training = z
    .object(trainingOptions)
    .parse({ ...options, epochs: Number(flags.epochs), ...overrides });
  const data = await dataFor(backbone, Number(flags.splits));
  const where = { ...backbone, models: flags.models, keep: flags.keep };
  const { bundle, how, facts } = flags.bundle
    ? await shippedBundle(flags.bundle)
    : await trainedHere(where, data, training);
  const costs = exitCosts(bundle.manifest);
  const exits = await runEveryExit(bundle, data.test);
  const curves = [];
  for (const criterion of criteria) {
    const points = data.splits.map((split) => curveOf(exits, split, costs, { ...facts, criterion }));
    curves.push(await Promise.all(points));
  }
  const means = curves.map(meanCurve);
  const columns = ['cost, by confidence', 'by max softmax', 'by entropy'];
  if (flags.pooled) {
    columns.push('six pooled linear heads');
    means.push(await pooledCurve(where, data, training));
  }
  const branches = bundle.manifest.stages.filter(({ branch }) => branch).map(({ branch }) => branch);
  const bodies = branches.map(({ body }) => body.kind).join(', ');
  const places = branches.map((_, i) => percent(costs[i]));
  const alone = exits.branches.map(({ agrees }) => percent(mean([...agrees])));
  console.log(`## ${name}

${branches.length} branches (${bodies}), together ${percent(costs.at(-1) - 1)} of the backbone's cost, at ${places.join(', ')};
alone they agree on ${alone.join(', ')}. ${how}

| agreement | ${columns.join(' | ')} |
|---|${columns.map(() => '---').join('|')}|
${goals.map((goal) => `| ${percent(goal)} | ${means.map((curve) => costCell(curve, goal)).join(' | ')} |`).join('\n')}
`);
  await compareCriteria(exits, data.redrawn, costs, facts);
  await compareTimes(where, bundle, data, curves[0]);
  for (const [agreement, cost, published] of wantedOn[name] ?? []) {
    const found = costAt(means[0], agreement);
    const verdict = found <= cost ? 'met' : `missed by ${((found - cost) * 100).toFixed(1)} points`;
    const before = published ? ` (published ${percent(published, 0)})` : '';
    console.log(
      `- agreement ≥ ${percent(agreement)} at cost ≤ ${percent(cost, 0)}${before}: ${percent(found)}, ${verdict}`,
    );
  }
  console.log();
}

async function trainedHere(where, data, training) {
  const { bundle, minutes, peakGiB } = await trainedBundle(where, data, training);
  const how = `${training.epochs} epochs over ${data.pictures.size} pictures in ${minutes.toFixed(1)} minutes with the trial,
peak memory ${peakGiB.toFixed(1)} GiB.`;
  return { bundle, how, facts: training };
}

/** The cost of six linear heads on pooled activations, by confidence. */
async function pooledCurve(where, data, training) {
  const pooled = {
    ...training,
    branches: 6,
    placement: 'linear',
    body: 'pool',
    reduce: 'none',
    reuse: 'none',
  };
  const plain = { ...pooled, flip: false, crop: 0 };
  const keep = where.keep && join(where.keep, 'pooled');
  // The curve does not depend on the bundle's own thresholds, and at 98 % such heads may save nothing, which `augment` refuses.
  const { bundle } = await trainedBundle({ ...where, keep, agreement: 0.5 }, data, plain);
  const exits = await runEveryExit(bundle, data.test);
  const costs = exitCosts(bundle.manifest);
  return meanCurve(
    await Promise.all(
      data.splits.map((split) => curveOf(exits, split, costs, { ...plain, criterion: 'confidence' })),
    ),
  );
}

async function shippedBundle(path) {
  const bundle = await Bundle.open(path);
  const { options, trainingSamples } = bundle.manifest.provenance;
  const how = `\`${bundle.manifest.name}\` as shipped: ${options.epochs} epochs over ${trainingSamples} pictures.`;
  return { bundle, how, facts: options };
}

/** Both criteria on the same splits, with thresholds searched branch by branch and with one threshold for all branches. */
async function compareCriteria(exits, splits, costs, facts) {
  const found = [];
  for (const search of ['joint', 'shared']) {
    const [byConfidence, byMaxSoftmax] = await Promise.all(
      ['confidence', 'max-softmax'].map((criterion) =>
        Promise.all(splits.map((split) => curveOf(exits, split, costs, { ...facts, criterion, search }))),
      ),
    );
    found.push(comparedAt.map((agreement) => costDifference(byConfidence, byMaxSoftmax, agreement)));
  }
  const cell = ({ difference, error }) =>
    `${difference < 0 ? '−' : '+'}${Math.abs(difference * 100).toFixed(2)} ± ${(error * 100).toFixed(2)}`;
  console.log(`Points of cost by confidence less by max softmax, mean and standard error over ${splits.length} random splits:

| agreement | thresholds branch by branch | one for all, as \`offramp augment\` chooses |
|---|---|---|
${comparedAt.map((agreement, i) => `| ${percent(agreement)} | ${found.map((cells) => cell(cells[i])).join(' | ')} |`).join('\n')}
`);
}

async function compareTimes({ models, name }, bundle, { test }, curves) {
  const times = await timesOf(bundle, join(models, `${name}.onnx`), test);
  const goal = goals.indexOf(0.98);
  for (const [batch, shares] of Object.entries(times)) {
    const saved = { macs: 0, cpu: 0 };
    for (const points of curves) {
      saved.macs += (1 - points[goal].cost) / curves.length;
      const cpu = points[goal].exitShares.reduce((sum, share, exit) => sum + share * shares[exit], 0);
      saved.cpu += (1 - cpu) / curves.length;
    }
    const how = batch === '1' ? 'one sample at a time' : `batches of ${batch}`;
    console.log(
      `- CPU time, one core, ${how}, thresholds for 98 %, against the uncut backbone: MACs promise ${percent(saved.macs)} less, it falls by ${percent(saved.cpu)}: ${percent(saved.cpu / saved.macs, 0)} of the promise`,
    );
  }
}

function costCell(curve, agreement) {
  const cost = costAt(curve, agreement);
  return Number.isFinite(cost) ? percent(cost) : 'not reached';
}
