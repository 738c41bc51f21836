#!/usr/bin/env node
// What training by ONNX Runtime costs: `npm run build && node bench/autodiff.mjs [threads]`. Prints Markdown;
// `node bench/autodiff.mjs 1 > bench/autodiff.md` records it. Variants take turns in one run and the fastest of
// their rounds counts, so that ratios hold on a shared machine. They hold better with one thread than with two, because
// no thread then waits for another one that has no core.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { Tensor } from 'onnxruntime-node';
import { adamDefaults, adamScalars } from '../augment/dist/autodiff/adam.js';
import { Emitter } from '../augment/dist/autodiff/emit.js';
import { gradients } from '../augment/dist/autodiff/gradients.js';
import { GraphBuilder } from '../augment/dist/autodiff/graph-builder.js';
import { generatorFor } from '../augment/dist/autodiff/initialise.js';
import { openSession, startModel } from '../augment/dist/autodiff/session.js';
import { TrainingStep } from '../augment/dist/autodiff/training-step.js';
import {
  addBuilders,
  addConvTranspose,
  addFlipped,
  addForward,
  addSlices,
  addTransposed,
  addUnfold,
} from './support/convolution-gradients.mjs';

const threads = Number(process.argv[2] ?? 2);
const rounds = 25;

console.log(`# Training by ONNX Runtime

${cpus()[0].model}, ${availableParallelism()} cores, threads used: ${threads}, Node ${process.version}.
Load at start: ${loadavg()[0].toFixed(1)} (other programs; it lowers all numbers).
Best of ${rounds} rounds; GMAC/s count only the convolution, not what a variant computes besides.
`);
await convolutionGradients();
await branchStep();
await optimiserPlace();

/** Fills with reproducible values in [−0.5, 0.5). */
function noise(shape) {
  const count = shape.reduce((product, size) => product * size, 1);
  return Float32Array.from({ length: count }, (_, i) => ((i * 2654435761) % 1000) / 1000 - 0.5);
}

/** Milliseconds of the fastest round of each. */
async function race(variants) {
  const best = {};
  for (const [name, run] of Object.entries(variants)) {
    await run();
    best[name] = Number.POSITIVE_INFINITY;
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(variants)) {
      const start = performance.now();
      await run();
      best[name] = Math.min(best[name], performance.now() - start);
    }
  }
  return best;
}

async function convolutionGradients() {
  console.log(`## Gradients of a convolution

Batch 128, 3×3, padding 1. dW: *transposed*, one convolution of transposed operands with the output gradient as
kernel; *slices*, a matrix product per picture over windows composed of slices; *unfold*, the same over
windows from a convolution with one-hot kernels; *builder*, what the graph builder emits: unfold, with
several small pictures per product. dX: *ConvTranspose*, what the graph builder emits; *flipped*, a
convolution with flipped kernels, for stride 1 only.

| convolution | forward | dW transposed | dW slices | dW unfold | dW builder | dX ConvTranspose | dX flipped |
|---|---|---|---|---|---|---|---|`);
  for (const [channels, filters, size, stride] of [
    [16, 32, 32, 1],
    [16, 32, 32, 2],
    [32, 64, 16, 2],
    [64, 64, 8, 1],
    [64, 64, 4, 1],
  ]) {
    const c = { batch: 128, channels, filters, size, stride, grid: Math.floor((size - 1) / stride) + 1 };
    const macs = c.batch * filters * channels * 9 * c.grid ** 2;
    const builders = {
      forward: ['x', 'w', 'y', addForward],
      transposed: ['x', 'y', 'w', addTransposed],
      slices: ['x', 'y', 'w', addSlices],
      unfold: ['x', 'y', 'w', addUnfold],
      builder: ['x', 'y', 'w', addBuilders],
      convTranspose: ['y', 'w', 'x', addConvTranspose],
      ...(stride === 1 ? { flipped: ['y', 'w', 'x', addFlipped] } : {}),
    };
    const sessions = [];
    const variants = {};
    for (const [name, [first, second, result, build]] of Object.entries(builders)) {
      const shapes = {
        x: [c.batch, channels, size, size],
        w: [filters, channels, 3, 3],
        y: [c.batch, filters, c.grid, c.grid],
      };
      const declare = (tensor, shape) => ({ name: tensor, shape, type: 'float32' });
      const editor = startModel([declare('a', shapes[first]), declare('b', shapes[second])]);
      build(editor, c);
      const session = await openSession(editor, [declare('result', shapes[result])], threads);
      const feeds = {
        a: new Tensor('float32', noise(shapes[first]), shapes[first]),
        b: new Tensor('float32', noise(shapes[second]), shapes[second]),
      };
      sessions.push(session);
      variants[name] = () => session.run(feeds);
    }
    const weightGradients = await Promise.all(
      ['transposed', 'slices', 'unfold', 'builder'].map(async (name) => (await variants[name]()).result.data),
    );
    expectEqual(...weightGradients);
    const best = await race(variants);
    const cell = (name) => (best[name] ? `${(macs / best[name] / 1e6).toFixed(1)}` : '–');
    console.log(
      `| ${channels}→${filters}, ${size}×${size}, stride ${stride} | ${Object.keys({
        ...builders,
        flipped: 0,
      })
        .map(cell)
        .join(' | ')} |`,
    );
    for (const session of sessions) await session.release();
  }
}

function expectEqual(first, ...others) {
  for (const other of others) {
    const off = first.findIndex(
      (value, i) => Math.abs(value - other[i]) > 1e-2 * Math.max(1, Math.abs(value)),
    );
    if (off >= 0) throw new Error(`weight gradients differ at ${off}: ${first[off]} and ${other[off]}`);
  }
}

/** A branch with two convolutions, batch 128. @returns builder, loss, inputs, and MACs of one sample */
function branch() {
  const batch = 128;
  const g = new GraphBuilder();
  const x = g.input('x', [batch, 16, 32, 32]);
  const target = g.integerInput('target', [batch]);
  const block = (input, name, channels, filters) =>
    g.relu(
      g.batchNorm(
        g.conv(input, g.parameter(`${name}.w`, [filters, channels, 3, 3]), { stride: 2, padding: 1 }),
        name,
      ),
    );
  const features = g.globalAveragePool(block(block(x, 'first', 16, 32), 'second', 32, 64));
  const logits = g.linear(features, g.parameter('class.w', [64, 10]), g.parameter('class.b', [10]));
  const loss = g.neg(g.mean(g.gatherColumn(g.logSoftmax(logits), target)));
  const first = 32 * 16 * 9 * 256;
  const rest = 64 * 32 * 9 * 64 + 640;
  return {
    g,
    loss,
    batch,
    feeds: { x: noise([batch, 16, 32, 32]), target: Int32Array.from({ length: batch }, (_, i) => i % 10) },
    // Nothing asks for the gradient of the activation that the branch stands on.
    macs: { forward: first + rest, step: 2 * first + 3 * rest },
  };
}

async function branchStep() {
  const { g, loss, batch, feeds, macs } = branch();
  const step = await TrainingStep.compile(g, loss, { seed: 1, threads });
  let total = 0;
  const { run } = await race({
    run: async () => {
      const began = performance.now();
      await step.step(feeds, 1e-3);
      total += performance.now() - began;
    },
  });
  await step.close();
  console.log(`
## A step of a branch

16×32×32 → conv 3×3 stride 2, 32 → batch norm, ReLU → conv 3×3 stride 2, 64 → batch norm, ReLU → global average
pooling → linear, 10. Forward pass, gradients and Adam, batch ${batch}.

| ms per step | samples/s | GMAC/s (forward and gradients) | time outside ONNX Runtime |
|---|---|---|---|
| ${run.toFixed(1)} | ${Math.round((batch / run) * 1000)} | ${((batch * macs.step) / run / 1e6).toFixed(1)} | ${(100 * (1 - step.runtimeMs / total)).toFixed(1)} % |
`);
}

async function optimiserPlace() {
  console.log(`## Where Adam runs

*Graph*: parameters and moments are inputs and outputs of the graph, in preallocated buffers. *TypeScript*: parameters are
inputs, gradients are outputs, and Adam is a loop over typed arrays.

| parameters | graph, ms | TypeScript, ms |
|---|---|---|`);
  for (const build of [branch, wide]) {
    const { g, loss, feeds } = build();
    const step = await TrainingStep.compile(g, loss, { seed: 1, threads });
    const outside = await stepInTypeScript(g, loss);
    const best = await race({
      graph: () => step.step(feeds, 1e-3),
      typescript: () => outside.step(feeds, 1e-3),
    });
    console.log(`| ${outside.size} | ${best.graph.toFixed(1)} | ${best.typescript.toFixed(1)} |`);
    await step.close();
    await outside.close();
  }
}

/** Two wide layers: much to update, little else to compute. */
function wide() {
  const g = new GraphBuilder();
  const x = g.input('x', [32, 1024]);
  const hidden = g.relu(g.linear(x, g.parameter('w1', [1024, 1024]), g.parameter('b1', [1024])));
  const y = g.linear(hidden, g.parameter('w2', [1024, 10]), g.parameter('b2', [10]));
  return { g, loss: g.mean(g.mul(y, y)), feeds: { x: noise([32, 1024]) } };
}

async function stepInTypeScript(g, loss) {
  const variables = [...g.parameters.values()];
  const tensors = variables.map(({ tensor }) => tensor);
  const found = gradients(loss, tensors);
  const results = { loss, ...Object.fromEntries(found.map((tensor, i) => [`gradient${i}`, tensor])) };
  const declare = ([name, { shape, type }]) => ({ name, shape, type });
  const inputs = [...g.inputs, ...variables.map(({ name, tensor }) => [name, tensor])];
  const states = [...g.states.values()];
  const editor = startModel([...inputs, ...states.map(({ name, tensor }) => [name, tensor])].map(declare));
  const emitter = new Emitter(editor, { inference: false, prefix: 'n_', source: (_, name) => name });
  for (const [name, tensor] of Object.entries(results)) emitter.writeAs(tensor, name);
  const read = new Set(editor.graph.node.flatMap(({ input }) => input));
  editor.graph.input = editor.graph.input.filter(({ name }) => read.has(name));
  const session = await openSession(editor, Object.entries(results).map(declare), threads);
  const parameters = variables.map(({ name, tensor, initial }) => {
    const values = initial(tensor.shape, generatorFor(name, 1));
    return { values, m: new Float32Array(values.length), v: new Float32Array(values.length) };
  });
  const { beta1, beta2, epsilon } = adamDefaults;
  let steps = 0;
  return {
    size: parameters.reduce((sum, { values }) => sum + values.length, 0),
    close: () => session.release(),
    async step(feeds, learningRate) {
      const fed = {};
      for (const [name, { type, shape }] of g.inputs) fed[name] = new Tensor(type, feeds[name], shape);
      variables.forEach(({ name, tensor }, i) => {
        fed[name] = new Tensor('float32', parameters[i].values, tensor.shape);
      });
      const fetched = await session.run(fed);
      steps++;
      const { stepSize, rootCorrection } = adamScalars(learningRate, steps, {});
      parameters.forEach(({ values, m, v }, i) => {
        const gradient = fetched[`gradient${i}`].data;
        for (let j = 0; j < values.length; j++) {
          const slope = gradient[j];
          m[j] = beta1 * m[j] + (1 - beta1) * slope;
          v[j] = beta2 * v[j] + (1 - beta2) * slope * slope;
          values[j] -= (stepSize * m[j]) / (Math.sqrt(v[j]) * rootCorrection + epsilon);
        }
      });
    },
  };
}
