// Shared by the benchmarks of augmentation: data, training, and what exits save on pictures not used in training.
//
// CIFAR-10: branches learn on the first 4,500 training pictures of each class. The backbones have seen all
// training pictures, so confidence heads and thresholds come from one random half of the test pictures and are read on
// the other, over several seeded splits. Fashion-MNIST: branches learn on training pictures 0–54,999,
// confidence heads and thresholds come from 55,000–59,999, and all is read on the 10,000 test pictures. To compare
// criteria, `redrawn` splits these 15,000 again many times. Tiny ImageNet: branches learn on all training pictures, and the
// test pictures are split as those of CIFAR-10.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  augmentBackbone,
  bodiesOf,
  loadBackbone,
  trainerFacts,
  trainerFor,
  trialTrainerFor,
} from '@offramp/augment';
import { argMax, Bundle, evaluateThresholds, InferencePool } from '@offramp/bundle';
import { openDataset, subsetOf } from '@offramp/data';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { splitForTrial } from '../../augment/dist/branches/choose-by-trial.js';
import { ExitAnswers } from '../../augment/dist/branches/exit-answers.js';
import { fitConfidence } from '../../augment/dist/branches/fit-confidence.js';
import { chooseThresholds } from '../../augment/dist/calibrate/choose-thresholds.js';
import { pictureBatches } from '../../augment/dist/pictures/picture-batches.js';
import { seededPermutation } from '../../augment/dist/support/random.js';
import { matrixOf, rowOf, selectRows } from '../../augment/dist/training/matrix.js';
import { goals } from './curves.mjs';
import { progressLines } from './progress-lines.mjs';

const range = (length, from = 0) => Array.from({ length }, (_, i) => from + i);

/** The backbones to measure on, with what each was trained on. @param folders of the data, by name */
export function backbonesOn({ cifar10, fashionMnist, tinyImagenet }) {
  return [
    ...[56, 20, 32, 44].map((depth) => ({
      name: `cifar10-resnet${depth}`,
      data: cifar10,
      channels: 3,
      preprocessing: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
      options: { flip: true, crop: 2 },
    })),
    {
      name: 'fashion-resnet56',
      data: fashionMnist,
      channels: 1,
      preprocessing: { mean: [0.286], std: [0.353] },
      options: { flip: true },
    },
    {
      name: 'tin-mobilenetv2',
      data: tinyImagenet,
      channels: 3,
      preprocessing: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
      options: { flip: true },
    },
  ].filter(({ data }) => data);
}

/** Trains, unless `--keep` has a bundle trained with these options. @param agreement that its own thresholds are chosen for */
export async function trainedBundle(
  { models, keep, name, preprocessing, agreement = 0.98 },
  { pictures, calibration },
  training,
) {
  const folder = keep ?? mkdtempSync(join(tmpdir(), 'offramp-bench-'));
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  const record = `${path}.json`;
  const options = JSON.stringify(training);
  if (existsSync(record)) {
    const kept = JSON.parse(readFileSync(record, 'utf8'));
    if (kept.options === options) return { ...kept, bundle: await Bundle.open(path) };
  }
  const started = performance.now();
  const { bundle } = await augmentBackbone(await loadBackbone(join(models, `${name}.onnx`)), pictures, path, {
    ...training,
    name,
    cutPoints: training.cutPoints ?? null,
    bodies: bodiesOf(training),
    holdOut: 0.1,
    calibration,
    preprocessing,
    labels: null,
    agreement,
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

/** The data to train, calibrate and evaluate on. @param splitCount how often test pictures are split, for CIFAR-10 */
export async function dataFor({ name, data: path, channels }, splitCount) {
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
      redrawn: redraw(15_000, splitForTrial(5_000).judged, 10_000, splitCount),
    };
  }
  const perClass = train.size / 10;
  const isTraining = (i) => !name.startsWith('cifar10') || i % perClass < 0.9 * perClass;
  // Half of the test pictures calibrate. Those that influenced the placement of branches are never evaluated on.
  const half = test.size / 2;
  const calibrating = [...seededPermutation(test.size, 0)].slice(0, half);
  const judged = splitForTrial(half).judged.map((i) => calibrating[i]);
  const splits = redraw(test.size, judged, half, splitCount);
  return {
    pictures: subsetOf(train, range(train.size).filter(isTraining)),
    calibration: subsetOf(test, calibrating),
    test,
    splits,
    redrawn: splits,
  };
}

/** Random splits of `size` pictures into `read` to evaluate on, none of them in `judged`, and the rest to fit on. */
function redraw(size, judged, read, count) {
  const neverRead = new Set(judged);
  const others = range(size).filter((i) => !neverRead.has(i));
  return range(count).map((seed) => {
    const order = [...seededPermutation(others.length, seed)].map((i) => others[i]);
    return { seed, fit: [...judged, ...order.slice(read)], read: order.slice(0, read) };
  });
}

/**
 * CPU time of a sample at each exit, as a share of the uncut backbone's: medians of runs that take turns,
 * by batch size.
 */
export async function timesOf(bundle, modelPath, dataset) {
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

/** Probabilities, confidence and agreement of every branch on every picture. */
export async function runEveryExit(bundle, dataset) {
  const { manifest, branches: count } = bundle;
  const classes = manifest.labels.length;
  const pool = await InferencePool.create(bundle, { threads: availableParallelism() });
  const branches = range(count).map(() => ({
    probabilities: matrixOf(dataset.size, classes),
    confidence: new Float32Array(dataset.size),
    agrees: new Uint8Array(dataset.size),
  }));
  let start = 0;
  for await (const batch of pictureBatches(dataset, range(dataset.size), manifest.input, 100)) {
    const rows = batch.indices.length;
    let { input } = batch;
    const answers = [];
    for (let stage = 0; stage <= count; stage++) {
      const { activation, probabilities, confidence } = await pool.run(stage, input, rows);
      answers.push(
        range(rows).map((row) => argMax(probabilities.subarray(row * classes, (row + 1) * classes))),
      );
      branches[stage]?.probabilities.values.set(probabilities, start * classes);
      branches[stage]?.confidence.set(confidence, start);
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

/**
 * For each of `goals`: confidence heads and thresholds from `fit`, agreement and cost on `read`. Heads that were trained
 * jointly are used unchanged.
 */
export async function curveOf(
  { branches },
  { seed, fit, read },
  costs,
  { criterion, reuse, confidence: trained, search = 'joint' },
) {
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
  for (const [i, { probabilities, confidence: joint, agrees }] of branches.entries()) {
    if (trained === 'joint' && criterion === 'confidence') {
      fitted.push(fit.map((row) => joint[row]));
      applied.push(read.map((row) => joint[row]));
      continue;
    }
    const previous = reuse !== 'none' && i > 0 ? branches[i - 1].probabilities : null;
    const featuresOf = (rows) => {
      const answers = new ExitAnswers(criterion, rows.length, previous !== null);
      answers.add(0, selectRows(probabilities, rows), previous && selectRows(previous, rows));
      return answers.features;
    };
    const { head, confidence } = await fitConfidence(
      criterion,
      featuresOf(fit),
      fit.map((row) => agrees[row]),
      seed,
      () => undefined,
    );
    fitted.push(confidence);
    applied.push(applyHead(head, featuresOf(read)));
  }
  const fitTable = tableOf(fit, fitted);
  const readTable = tableOf(read, applied);
  return goals.map((agreement) => {
    const { thresholds } = chooseThresholds(fitTable, costs, { agreement, delta: 0.5 }, { search });
    return evaluateThresholds(readTable, thresholds, costs);
  });
}

function applyHead(head, features) {
  if (head.kind !== 'learned') return [...features.values];
  return range(features.rows).map((i) => {
    const score = rowOf(features, i).reduce((sum, value, j) => sum + value * head.weights[j], head.bias);
    return 1 / (1 + Math.exp(-score));
  });
}

/** An option's value from the command line. */
export function parse(key, value) {
  if (key === 'cutPoints') return value.split(',');
  if (value === 'true' || value === 'false') return value === 'true';
  return Number.isNaN(Number(value)) ? value : Number(value);
}

export function percent(share, digits = 1) {
  return `${(share * 100).toFixed(digits)} %`;
}
