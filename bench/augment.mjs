#!/usr/bin/env node
// What early exits save: `npm run build && node bench/augment.mjs --models DIR --cifar10 DIR --fashion-mnist DIR [--only NAME]
// [--epochs N] [--splits N] [--set option=value …] [--keep DIR]`; --keep keeps trained bundles for the next run.
// DIRs: the backbones; CIFAR-10 as train/<class>/ and test/<class>/; Fashion-MNIST as IDX files. Prints Markdown.
//
// CIFAR-10: branches learn on the first 4,500 training pictures of each class. The backbones have seen all
// training pictures, so confidence heads and thresholds come from one random half of the test pictures and are read on
// the other, over several seeded splits. Fashion-MNIST: branches learn on training pictures 0–54,999,
// confidence heads and thresholds come from 55,000–59,999, and all is read on the 10,000 test pictures.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  augmentBackbone,
  bodiesOf,
  trainerFacts,
  trainerFor,
  trainingOptions,
  trialTrainerFor,
} from '@offramp/augment';
import {
  argMax,
  Bundle,
  evaluateThresholds,
  exitCosts,
  InferencePool,
  openDataset,
  subsetOf,
} from '@offramp/shared';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { z } from 'zod';
import { splitForTrial } from '../augment/dist/branches/choose-by-trial.js';
import { confidenceFeatures } from '../augment/dist/branches/confidence-features.js';
import { fitConfidence } from '../augment/dist/branches/fit-confidence.js';
import { chooseThresholds } from '../augment/dist/calibrate/choose-thresholds.js';
import { pictureBatches } from '../augment/dist/picture-batches.js';
import { seededPermutation } from '../augment/dist/random.js';
import { matrixOf, rowOf, selectRows } from '../augment/dist/training/matrix.js';

const { values: flags } = parseArgs({
  options: {
    models: { type: 'string' },
    cifar10: { type: 'string' },
    'fashion-mnist': { type: 'string' },
    only: { type: 'string' },
    epochs: { type: 'string', default: '5' },
    splits: { type: 'string', default: '8' },
    set: { type: 'string', multiple: true, default: [] },
    keep: { type: 'string' },
  },
});

const cifar = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const runs = [
  ...[56, 20, 32, 44].map((depth) => ({
    name: `cifar10-resnet${depth}`,
    data: flags.cifar10,
    channels: 3,
    preprocessing: cifar,
    options: { flip: true, crop: 2 },
    wanted:
      depth === 56
        ? [
            [0.991, 0.76],
            [0.972, 0.58],
            [0.936, 0.44],
            [0.89, 0.35],
          ]
        : [],
  })),
  {
    name: 'fashion-resnet56',
    data: flags['fashion-mnist'],
    channels: 1,
    preprocessing: { mean: [0.286], std: [0.353] },
    options: { flip: true },
    wanted: [
      [0.99, 0.28],
      [0.98, 0.2],
    ],
  },
].filter(({ name, data }) => data && (!flags.only || name === flags.only));

const goals = [0.999, 0.997, 0.995, 0.991, 0.985, 0.98, 0.972, 0.96, 0.95, 0.936, 0.92, 0.9, 0.88, 0.86];
const range = (length, from = 0) => Array.from({ length }, (_, i) => from + i);

console.log(`# What early exits save

${cpus()[0].model}, ${availableParallelism()} cores, Node ${process.version}; load when it began: ${loadavg()[0].toFixed(1)}.
Cost counts the branches. Agreement is with the backbone on pictures that trained and calibrated nothing.
`);
for (const run of runs) await measure(run);

async function measure({ name, data, channels, preprocessing, options, wanted }) {
  const overrides = Object.fromEntries(
    flags.set
      .map((pair) => pair.split('='))
      .map(([k, v]) => [k, k === 'cutPoints' ? v.split(',') : parse(v)]),
  );
  const training = z
    .object(trainingOptions)
    .parse({ ...options, epochs: Number(flags.epochs), ...overrides });
  const { pictures, calibration, test, splits } = await dataFor(name, data, channels);
  const { bundle, minutes, peakGiB } = await trainedBundle(
    name,
    pictures,
    calibration,
    preprocessing,
    training,
  );
  const costs = exitCosts(bundle.manifest);
  const exits = await runEveryExit(bundle, test);
  const curves = await Promise.all(splits.map((split) => curveOf(exits, split, costs, training)));
  const curve = goals.map((goal, i) => ({
    goal,
    agreement: mean(curves.map((points) => points[i].agreement)),
    cost: mean(curves.map((points) => points[i].cost)),
  }));
  const branches = bundle.manifest.stages.filter(({ branch }) => branch);
  const branchCost = costs.at(-1) - 1;
  console.log(`## ${name}

${branches.length} branches (${branches.map(({ branch }) => branch.body.kind).join(', ')}), together ${percent(branchCost)} of the
backbone's cost, at ${branches.map((_, i) => percent(costs[i])).join(', ')}; alone they agree on ${exits.branches.map(({ agrees }) => percent(mean([...agrees]))).join(', ')}.
${training.epochs} epochs over ${pictures.size} pictures in ${minutes.toFixed(1)} minutes, peak memory ${peakGiB.toFixed(1)} GiB.

| agreement wanted | reached | cost |
|---|---|---|
${curve.map(({ goal, agreement, cost }) => `| ${percent(goal)} | ${percent(agreement, 2)} | ${percent(cost)} |`).join('\n')}
`);
  const times = await timesOf(bundle, join(flags.models, `${name}.onnx`), test);
  for (const batch of [1, 64]) {
    const saved = { macs: 0, cpu: 0 };
    const i = goals.indexOf(0.98);
    for (const points of curves) {
      saved.macs += (1 - points[i].cost) / curves.length;
      const cpu = points[i].exitShares.reduce((sum, share, exit) => sum + share * times[batch][exit], 0);
      saved.cpu += (1 - cpu) / curves.length;
    }
    console.log(
      `- ${batch === 1 ? 'one sample at a time' : `batches of ${batch}`}, one core, against the uncut backbone: MACs promise ${percent(saved.macs)} less, CPU time falls by ${percent(saved.cpu)}, ${percent(saved.cpu / saved.macs, 0)} of it (at agreement wanted 98 %)`,
    );
  }
  for (const [agreement, cost] of wanted) {
    const found = costAt(curve, agreement);
    const verdict = found <= cost ? 'met' : `missed by ${((found - cost) * 100).toFixed(1)} points`;
    console.log(
      `- agreement ≥ ${percent(agreement)} at cost ≤ ${percent(cost, 0)}: ${percent(found)}, ${verdict}`,
    );
  }
  console.log();
}

/** Trains, unless `--keep` has what these options trained before. */
async function trainedBundle(name, pictures, calibration, preprocessing, training) {
  const folder = flags.keep ?? mkdtempSync(join(tmpdir(), 'offramp-bench-'));
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  const record = `${path}.json`;
  const options = JSON.stringify(training);
  if (existsSync(record)) {
    const kept = JSON.parse(readFileSync(record, 'utf8'));
    if (kept.options === options) return { ...kept, bundle: await Bundle.open(path) };
  }
  const started = performance.now();
  const { bundle } = await augmentBackbone(join(flags.models, `${name}.onnx`), pictures, path, {
    ...training,
    name,
    cutPoints: training.cutPoints ?? null,
    bodies: bodiesOf(training),
    holdOut: 0.1,
    calibration,
    preprocessing,
    labels: null,
    agreement: 0.98,
    delta: 0.05,
    deviceCost: 0.45,
    trainer: trainerFor(training),
    trialTrainer: trialTrainerFor(training),
    trainerOptions: trainerFacts(training),
    progress: progressLines(name),
  });
  const minutes = (performance.now() - started) / 60_000;
  const peakGiB = process.resourceUsage().maxRSS / 2 ** 20;
  writeFileSync(record, JSON.stringify({ options, minutes, peakGiB }));
  return { bundle, minutes, peakGiB };
}

async function dataFor(name, path, channels) {
  const train = await openDataset(path, { split: 'train', channels });
  const test = await openDataset(path, { split: 'test', channels });
  if (name.startsWith('fashion')) {
    const calibration = subsetOf(train, range(5_000, 55_000));
    const both = {
      ...test,
      size: 15_000,
      labelAt: (i) => (i < 5_000 ? calibration : test).labelAt(i < 5_000 ? i : i - 5_000),
      read: (i) => (i < 5_000 ? calibration.read(i) : test.read(i - 5_000)),
    };
    return {
      pictures: subsetOf(train, range(55_000)),
      calibration,
      test: both,
      splits: [{ seed: 0, fit: range(5_000), read: range(10_000, 5_000) }],
    };
  }
  const perClass = train.size / 10;
  // Half of the test pictures calibrate. Those among them that had a say in where the branches go are never read.
  const half = test.size / 2;
  const calibrating = [...seededPermutation(test.size, 0)].slice(0, half);
  const judged = splitForTrial(half).judged.map((i) => calibrating[i]);
  const others = range(test.size).filter((i) => !judged.includes(i));
  const splits = range(Number(flags.splits)).map((seed) => {
    const order = [...seededPermutation(others.length, seed)].map((i) => others[i]);
    return { seed, fit: [...judged, ...order.slice(half)], read: order.slice(0, half) };
  });
  return {
    pictures: subsetOf(
      train,
      range(train.size).filter((i) => i % perClass < 0.9 * perClass),
    ),
    calibration: subsetOf(test, calibrating),
    test,
    splits,
  };
}

/**
 * CPU time of a sample that leaves at each exit, as a share of the uncut backbone's: medians of runs that take turns,
 * by batch size.
 */
async function timesOf(bundle, modelPath, dataset) {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
  const open = (model) => InferenceSession.create(model, options);
  const backbone = await open(modelPath);
  const stages = await Promise.all((await bundle.readStages()).map(open));
  const shares = {};
  for (const [batch, repetitions] of [
    [1, 300],
    [64, 20],
  ]) {
    const { input } = await pictureBatches(dataset, range(batch), bundle.manifest.input, batch)
      .next()
      .then(({ value }) => value);
    const picture = new Tensor('float32', input, [batch, ...bundle.manifest.input.shape]);
    const runs = [];
    for (let i = 0; i < repetitions + 3; i++) {
      const whole = await cpuOf(() => backbone.run({ [backbone.inputNames[0]]: picture }));
      let ms = 0;
      let activation = picture;
      const exits = [];
      for (const stage of stages) {
        const run = await cpuOf(() => stage.run({ input: activation }));
        ms += run.ms;
        exits.push(ms);
        activation = run.outputs.activation;
      }
      if (i >= 3) runs.push({ whole: whole.ms, exits });
    }
    const whole = median(runs.map((run) => run.whole));
    shares[batch] = stages.map((_, exit) => median(runs.map(({ exits }) => exits[exit])) / whole);
  }
  await Promise.all([backbone, ...stages].map((session) => session.release()));
  return shares;
}

async function cpuOf(run) {
  const before = process.cpuUsage();
  const outputs = await run();
  const { user, system } = process.cpuUsage(before);
  return { outputs, ms: (user + system) / 1000 };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Probabilities and agreement of every branch on every picture. */
async function runEveryExit(bundle, dataset) {
  const { manifest, branches: count } = bundle;
  const classes = manifest.labels.length;
  const pool = await InferencePool.create(bundle, { threads: availableParallelism() });
  const branches = range(count).map(() => ({
    probabilities: matrixOf(dataset.size, classes),
    agrees: new Uint8Array(dataset.size),
  }));
  let start = 0;
  for await (const batch of pictureBatches(dataset, range(dataset.size), manifest.input, 100)) {
    const rows = batch.indices.length;
    let { input } = batch;
    const answers = [];
    for (let stage = 0; stage <= count; stage++) {
      const { activation, probabilities } = await pool.run(stage, input, rows);
      answers.push(
        range(rows).map((row) => argMax(probabilities.subarray(row * classes, (row + 1) * classes))),
      );
      branches[stage]?.probabilities.values.set(probabilities, start * classes);
      input = activation;
    }
    branches.forEach(({ agrees }, exit) => {
      for (const row of range(rows)) agrees[start + row] = answers[exit][row] === answers[count][row] ? 1 : 0;
    });
    start += rows;
  }
  await pool.close();
  return { branches };
}

/** Confidence heads and thresholds from `fit`, agreement and cost on `read`. */
async function curveOf({ branches }, { seed, fit, read }, costs, { criterion, reuse }) {
  const tableOf = (rows, confidences) => ({
    samples: rows.length,
    correct: null,
    branches: branches.map(({ agrees }, i) => ({
      confidence: [...confidences[i]],
      agrees: rows.map((row) => agrees[row]).join(''),
    })),
  });
  const fitted = [];
  const applied = [];
  for (const [i, { probabilities, agrees }] of branches.entries()) {
    const previous = reuse !== 'none' && i > 0 ? branches[i - 1].probabilities : null;
    const part = (rows) => [selectRows(probabilities, rows), previous && selectRows(previous, rows)];
    const { head, confidence } = await fitConfidence(
      criterion,
      ...part(fit),
      fit.map((row) => agrees[row]),
      seed,
      () => undefined,
    );
    fitted.push(confidence);
    applied.push(applyHead(head, ...part(read)));
  }
  const fitTable = tableOf(fit, fitted);
  const readTable = tableOf(read, applied);
  return goals.map((agreement) => {
    const { thresholds } = chooseThresholds(fitTable, costs, { agreement, delta: 0.5 }, { search: 'joint' });
    return evaluateThresholds(readTable, thresholds, costs);
  });
}

function applyHead(head, probabilities, previous) {
  if (head.kind !== 'learned') {
    const entropy = (row) => row.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
    return range(probabilities.rows).map((i) => {
      const row = rowOf(probabilities, i);
      return head.kind === 'max-softmax' ? Math.max(...row) : 1 - entropy(row) / Math.log(row.length);
    });
  }
  const features = confidenceFeatures(probabilities, previous);
  return range(features.rows).map((i) => {
    const score = rowOf(features, i).reduce((sum, value, j) => sum + value * head.weights[j], head.bias);
    return 1 / (1 + Math.exp(-score));
  });
}

/** Where the straight lines between measured points reach an agreement. */
function costAt(curve, agreement) {
  const points = [...curve].sort((a, b) => a.agreement - b.agreement);
  const after = points.findIndex((point) => point.agreement >= agreement);
  if (after < 0) return Number.POSITIVE_INFINITY;
  if (after === 0) return points[0].cost;
  const [low, high] = [points[after - 1], points[after]];
  const share = (agreement - low.agreement) / (high.agreement - low.agreement);
  return low.cost + share * (high.cost - low.cost);
}

function progressLines(name) {
  let state = { title: '', total: 0, done: 0, shown: 0 };
  return {
    step: (title, total) => {
      state = { title, total, done: 0, shown: performance.now() };
    },
    advance: (by, note = '') => {
      state.done += by;
      if (state.done < state.total && performance.now() - state.shown < 15_000) return;
      state.shown = performance.now();
      process.stderr.write(`${name}: ${state.title} ${state.done} of ${state.total} ${note}\n`);
    },
  };
}

function parse(value) {
  if (value === 'true' || value === 'false') return value === 'true';
  return Number.isNaN(Number(value)) ? value : Number(value);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent(share, digits = 1) {
  return `${(share * 100).toFixed(digits)} %`;
}
