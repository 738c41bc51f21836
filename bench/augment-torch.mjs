#!/usr/bin/env node
// Training branches here and by PyTorch, side by side:
// `npm run build && node bench/augment-torch.mjs --models DIR --cifar10 DIR [--python PATH] [--steps N] > bench/augment-torch.md`.
// Needs a Python with torch, onnx and numpy (Debian: python3-torch, python3-onnx). Both get the same first weights
// and the same pictures in the same order, and take turns of a few steps. Times count from the second epoch on:
// our first one decodes pictures, while the reference receives decoded ones.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  augmentBackbone,
  bodiesOf,
  distinctCutPoints,
  loadBackbone,
  placeBranches,
  trainerFor,
  trainingOptions,
} from '@offramp/augment';
import { openDataset, subsetOf } from '@offramp/data';
import { InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';
import { TrainingStep } from '../augment/dist/autodiff/training-step.js';
import { FittedPictures } from '../augment/dist/pictures/fitted-pictures.js';
import { epochBatches, pictureBatches } from '../augment/dist/pictures/picture-batches.js';
import { seededPermutation } from '../augment/dist/support/random.js';
import { progressLines } from './support/progress-lines.mjs';

const { values: flags } = parseArgs({
  options: {
    models: { type: 'string' },
    cifar10: { type: 'string' },
    python: { type: 'string', default: '/usr/bin/python3' },
    model: { type: 'string', default: 'cifar10-resnet56' },
    steps: { type: 'string', default: '300' },
    test: { type: 'string', default: '10000' },
  },
});

const batchSize = 128;
const stepsPerEpoch = 50;
const turn = 10;
const steps = Number(flags.steps);
const epochs = Math.max(2, Math.round(steps / stepsPerEpoch));
const shape = [3, 32, 32];
const preprocessing = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const training = z.object(trainingOptions).parse({
  branches: 4,
  placement: 'linear',
  body: 'conv2',
  reduce: 'pool',
  grid: 2,
  reuse: 'linear',
  flip: true,
  crop: 2,
  epochs,
  batchSize,
  distillation: 0.5,
  reachFloor: 1,
});
const folder = mkdtempSync(join(tmpdir(), 'offramp-reference-'));
const model = join(flags.models, `${flags.model}.onnx`);
const backbone = await loadBackbone(model);
const { profile } = backbone;
const candidates = distinctCutPoints(profile.cutPoints.filter(({ shape }) => shape.length <= 3));
const watchedCutPoints = placeBranches(
  training.placement,
  training.branches,
  candidates.map(({ cumulativeMacs }) => cumulativeMacs / profile.macs),
).map((index) => candidates[index].tensor);

const all = await openDataset(flags.cifar10, { split: 'train', channels: 3 });
const pictures = subsetOf(all, [...seededPermutation(all.size, 1).subarray(0, stepsPerEpoch * batchSize)]);
const wholeTest = await openDataset(flags.cifar10, { split: 'test', channels: 3 });
const test = subsetOf(wholeTest, [...seededPermutation(wholeTest.size, 1).subarray(0, Number(flags.test))]);
await writePictures();

// The shipped trainer is measured from outside.
let runtimeMs = 0;
const { run } = InferenceSession.prototype;
InferenceSession.prototype.run = async function timed(...rest) {
  const started = performance.now();
  const results = await run.apply(this, rest);
  runtimeMs += performance.now() - started;
  return results;
};
let reference;
const ours = { ms: 0, runtimeMs: 0, loss: 0 };
const theirs = { ms: 0, loss: 0 };
let turnBegan = { at: 0, runtimeMs: 0 };
let counted = 0;
const { compile } = TrainingStep;
TrainingStep.compile = async (graph, loss, options) => {
  const trainer = await compile(graph, loss, options);
  reference = await startReference(graph, trainer.parameters(), options);
  const { step } = trainer;
  trainer.step = async (...rest) => {
    const index = trainer.stepCount;
    if (index % turn === 0) await takeTurns(index);
    const result = await step.apply(trainer, rest);
    ours.loss = result.loss;
    if (trainer.stepCount === epochs * stepsPerEpoch) await takeTurns(trainer.stepCount);
    return result;
  };
  return trainer;
};

const { bundle } = await augmentBackbone(backbone, pictures, join(folder, 'bundle'), {
  ...training,
  name: flags.model,
  cutPoints: watchedCutPoints,
  bodies: bodiesOf(training),
  holdOut: 0.1,
  calibration: test,
  preprocessing,
  labels: null,
  agreement: 0.98,
  delta: 0.05,
  deviceCost: 0.45,
  trainer: trainerFor(training),
  progress: progressLines(),
});
const calibration = await bundle.readCalibration();
const agreement = calibration.branches.map(
  ({ agrees }) => [...agrees].filter((bit) => bit === '1').length / agrees.length,
);
const { agreement: referenceAgreement } = await reference.ask('test');
reference.end();
rmSync(folder, { recursive: true });
report();

/** Ends our turn of a few steps, and lets the reference take the same number of steps. */
async function takeTurns(done) {
  const counts = done > stepsPerEpoch;
  if (counts) {
    ours.ms += performance.now() - turnBegan.at;
    ours.runtimeMs += runtimeMs - turnBegan.runtimeMs;
    counted += turn;
  }
  if (done > 0) {
    const { ms, loss } = await reference.ask(`steps ${turn}`);
    if (counts) theirs.ms += ms;
    theirs.loss = loss;
  }
  turnBegan = { at: performance.now(), runtimeMs };
}

async function writePictures() {
  const raw = { shape, preprocessing: { mean: [0, 0, 0], std: [1, 1, 1], scale: 'raw' } };
  const { seed, flip, crop } = training;
  const write = async (file, batches) => {
    const stream = createWriteStream(join(folder, file));
    for await (const { input } of batches) {
      if (!stream.write(Uint8Array.from(input)))
        await new Promise((resolve) => stream.once('drain', resolve));
    }
    await new Promise((resolve) => stream.end(resolve));
  };
  const fitted = new FittedPictures(pictures, raw);
  const indices = Array.from({ length: pictures.size }, (_, i) => i);
  async function* everyEpoch() {
    for (let epoch = 0; epoch < epochs; epoch++) {
      yield* epochBatches(fitted, indices, { seed, epoch, augmentation: { flip, crop }, batchSize });
    }
  }
  await write('train.u8', everyEpoch());
  const all = Array.from({ length: test.size }, (_, i) => i);
  await write('test.u8', pictureBatches(test, all, raw, batchSize));
}

async function startReference(graph, values, { optimizer }) {
  const parameters = [...graph.parameters.values()].map(({ name, tensor }) => ({
    name,
    shape: tensor.shape,
  }));
  writeFileSync(
    join(folder, 'initial.f32'),
    Buffer.concat(parameters.map(({ name }) => Buffer.from(values.get(name).slice().buffer))),
  );
  writeFileSync(
    join(folder, 'spec.json'),
    JSON.stringify({
      model,
      shape,
      ...preprocessing,
      threads: availableParallelism(),
      batchSize,
      steps: epochs * stepsPerEpoch,
      learningRate: training.learningRate,
      weightDecay: optimizer.weightDecay,
      distillation: training.distillation,
      temperature: training.temperature,
      parameters,
      branches: watchedCutPoints.map((cutPoint, i) => ({
        cutPoint,
        blocks: Number(training.body.slice(-1)),
        grid: training.grid,
        reuse: i > 0,
      })),
    }),
  );
  const script = fileURLToPath(new URL('augment_torch.py', import.meta.url));
  const child = spawn(flags.python, [script, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the reference ended; see above');
    return JSON.parse(value);
  };
  const versions = await next();
  return {
    versions,
    ask: (command) => {
      child.stdin.write(`${command}\n`);
      return next();
    },
    end: () => child.stdin.end(),
  };
}

function report() {
  const ratio = ours.ms / theirs.ms;
  const share = ours.runtimeMs / ours.ms;
  const gaps = agreement.map((own, i) => 100 * (own - referenceAgreement[i]));
  const verdict = (met) => (met ? 'met' : 'missed');
  const { torch, threads } = reference.versions;
  console.log(`# Training here and by PyTorch

${cpus()[0].model}, ${availableParallelism()} cores, Node ${process.version}, PyTorch ${torch}, fastest number of threads: ${threads}; load at end: ${loadavg()[0].toFixed(1)}.
\`${flags.model}\`, 4 branches (conv2, reduce pool, grid 2, reuse), ${epochs * stepsPerEpoch} steps of ${batchSize} pictures with flips and crops; the same initial
weights, pictures, order and schedule. Agreement with the backbone on ${test.size} test pictures. Both take turns of ${turn}
steps; times are those of the last ${counted}.

| | TypeScript | PyTorch | difference |
|---|---|---|---|
${agreement.map((own, i) => `| agreement of branch ${i} | ${percent(own)} | ${percent(referenceAgreement[i])} | ${gaps[i].toFixed(2)} points |`).join('\n')}
| last loss | ${ours.loss.toFixed(4)} | ${theirs.loss.toFixed(4)} | |
| ms per step, backbone included | ${(ours.ms / counted).toFixed(0)} | ${(theirs.ms / counted).toFixed(0)} | × ${ratio.toFixed(2)} |
| of it inside ONNX Runtime | ${percent(share)} | | |

- agreement within 0.5 points: ${verdict(gaps.every((gap) => Math.abs(gap) <= 0.5))}
- time at most 1.5 times PyTorch's: ${verdict(ratio <= 1.5)}
- at least 60 % of the time inside ONNX Runtime: ${verdict(share >= 0.6)}`);
}

function percent(share) {
  return `${(share * 100).toFixed(2)} %`;
}
