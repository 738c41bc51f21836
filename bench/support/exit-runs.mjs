// Shared by the benchmarks of augmentation: data, training, and what exits save on pictures nobody learned from.
//
// CIFAR-10: branches learn on the first 4,500 training pictures of each class. The backbones have seen all
// training pictures, so confidence heads and thresholds come from one random half of the test pictures and are read on
// the other, over several seeded splits. Fashion-MNIST: branches learn on training pictures 0–54,999,
// confidence heads and thresholds come from 55,000–59,999, and all is read on the 10,000 test pictures. To compare
// criteria, `redrawn` splits these 15,000 anew, over and over.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { augmentBackbone, bodiesOf, trainerFacts, trainerFor, trialTrainerFor } from '@offramp/augment';
import { argMax, Bundle, evaluateThresholds, InferencePool, openDataset, subsetOf } from '@offramp/shared';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { splitForTrial } from '../../augment/dist/branches/choose-by-trial.js';
import { confidenceFeatures } from '../../augment/dist/branches/confidence-features.js';
import { fitConfidence } from '../../augment/dist/branches/fit-confidence.js';
import { chooseThresholds } from '../../augment/dist/calibrate/choose-thresholds.js';
import { pictureBatches } from '../../augment/dist/picture-batches.js';
import { seededPermutation } from '../../augment/dist/random.js';
import { matrixOf, rowOf, selectRows } from '../../augment/dist/training/matrix.js';

export const goals = [
  0.999, 0.997, 0.995, 0.991, 0.985, 0.98, 0.972, 0.96, 0.95, 0.936, 0.92, 0.9, 0.88, 0.86,
];
const range = (length, from = 0) => Array.from({ length }, (_, i) => from + i);

/** The backbones to measure on, with what each was trained on. @param folders of the data, by name */
export function backbonesOn({ cifar10, fashionMnist }) {
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
  ].filter(({ data }) => data);
}

/** Mean agreement and cost over the splits, for each of `goals`. */
export function meanCurve(curves) {
  return goals.map((goal, i) => ({
    goal,
    agreement: mean(curves.map((points) => points[i].agreement)),
    cost: mean(curves.map((points) => points[i].cost)),
  }));
}

/** Trains, unless `--keep` has what these options trained before. */
export async function trainedBundle(
  { models, keep, name, preprocessing },
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
  const { bundle } = await augmentBackbone(join(models, `${name}.onnx`), pictures, path, {
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

/** What to train, calibrate and read on. @param splitCount how often test pictures are split anew, for CIFAR-10 */
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
  // Half of the test pictures calibrate. Those among them that had a say in where the branches go are never read.
  const half = test.size / 2;
  const calibrating = [...seededPermutation(test.size, 0)].slice(0, half);
  const judged = splitForTrial(half).judged.map((i) => calibrating[i]);
  const splits = redraw(test.size, judged, half, splitCount);
  return {
    pictures: subsetOf(
      train,
      range(train.size).filter((i) => i % perClass < 0.9 * perClass),
    ),
    calibration: subsetOf(test, calibrating),
    test,
    splits,
    redrawn: splits,
  };
}

/** Random splits of `size` pictures into `read` to read on, never one that judged, and the rest to fit on. */
function redraw(size, judged, read, count) {
  const neverRead = new Set(judged);
  const others = range(size).filter((i) => !neverRead.has(i));
  return range(count).map((seed) => {
    const order = [...seededPermutation(others.length, seed)].map((i) => others[i]);
    return { seed, fit: [...judged, ...order.slice(read)], read: order.slice(0, read) };
  });
}

/**
 * CPU time of a sample that leaves at each exit, as a share of the uncut backbone's: medians of runs that take turns,
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
 * jointly are taken as they are.
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
    const { thresholds } = chooseThresholds(fitTable, costs, { agreement, delta: 0.5 }, { search });
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
export function costAt(curve, agreement) {
  const points = [...curve].sort((a, b) => a.agreement - b.agreement);
  const after = points.findIndex((point) => point.agreement >= agreement);
  if (after < 0) return Number.POSITIVE_INFINITY;
  if (after === 0) return points[0].cost;
  const [low, high] = [points[after - 1], points[after]];
  const share = (agreement - low.agreement) / (high.agreement - low.agreement);
  return low.cost + share * (high.cost - low.cost);
}

/**
 * What `curves` cost less what `others` cost at an agreement, and the standard error over the splits. Costs are brought to
 * that agreement along the slope of the mean curve, at the three goals about it, since splits differ in agreement, too.
 */
export function costDifference(curves, others, agreement) {
  const distances = goals.slice(1, -1).map((goal) => Math.abs(goal - agreement));
  const middle = 1 + distances.indexOf(Math.min(...distances));
  const about = [middle - 1, middle, middle + 1];
  const atAgreement = (all) => {
    const means = meanCurve(all);
    const [above, , below] = about.map((i) => means[i]);
    const run = above.agreement - below.agreement;
    const slope = run > 0 ? (above.cost - below.cost) / run : 0;
    return all.map((points) =>
      mean(about.map((i) => points[i].cost + slope * (agreement - points[i].agreement))),
    );
  };
  const [costs, otherCosts] = [atAgreement(curves), atAgreement(others)];
  const differences = costs.map((cost, i) => cost - otherCosts[i]);
  const difference = mean(differences);
  const variance =
    differences.reduce((sum, value) => sum + (value - difference) ** 2, 0) / (differences.length - 1);
  return { difference, error: Math.sqrt(variance / differences.length) };
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

/** An option's value from the command line. */
export function parse(key, value) {
  if (key === 'cutPoints') return value.split(',');
  if (value === 'true' || value === 'false') return value === 'true';
  return Number.isNaN(Number(value)) ? value : Number(value);
}

export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function percent(share, digits = 1) {
  return `${(share * 100).toFixed(digits)} %`;
}
