#!/usr/bin/env node
// Whether a quantised model that is cut computes as fast as the whole: `npm run build && node bench/quantised-cuts.mjs`.
// Prints Markdown; `node bench/quantised-cuts.mjs > bench/quantised-cuts.md` records it. `--models DIR` adds the model files
// in DIR whose names begin with `int8` or `float16`. Whole and parts take turns, and the round with the least processor time
// counts, so that ratios hold on a shared machine.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { extractSegment } from '../augment/dist/onnx/extract-segment.js';
import { GraphEditor } from '../augment/dist/onnx/graph-editor.js';
import { profileBackbone } from '../augment/dist/onnx/profile.js';
import { decodeModel, readModel } from '../augment/dist/onnx/read-model.js';
import { writeModel } from '../augment/dist/onnx/write-model.js';
import { addResidualNetwork, Layers } from '../augment/dist/testing/index.js';

const { values: options } = parseArgs({
  options: { models: { type: 'string' }, rounds: { type: 'string', default: '60' } },
});
const rounds = Number(options.rounds);
const batches = [1, 8];
const shape = [3, 32, 32];
/** Shares of the cost at which a model is cut. */
const places = [[0.5], [0.25, 0.5, 0.75]];
const names = { input: 'input', output: 'output' };
const integerOperator = /^(?:QLinear|QGemm|QAttention|ConvInteger|MatMulInteger)/;
const folder = mkdtempSync(join(tmpdir(), 'offramp-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

const network = await profileBackbone(readModel(residual('float32'), 'float32'));

console.log(`# Quantised models, cut

${cpus()[0].model}, one thread, Node ${process.version}. Load at start: ${loadavg()[0].toFixed(1)} (other programs; it lengthens all times).
Processor time of a batch in milliseconds, the least of ${rounds} rounds. *Ratio*: all parts, one after the other, to the whole; at most 1.05 is
wanted of models that compute in integers. *Integer operators*: those that ONNX Runtime computes in integers after it has fused what
it can, in the whole and in all parts together. The rows of float32 show what a cut costs where nothing is quantised. The first four models are a residual
network of ${formatMacs(network.macs)} MACs with random weights.

| model | MACs | batch | parts | whole | in parts | ratio | integer operators, whole | in parts |
|---|--:|--:|--:|--:|--:|--:|--:|--:|`);
for (const numbers of ['float32', 'float16', 'qdq', 'qoperator']) await report(numbers, residual(numbers));
if (options.models) {
  const files = readdirSync(options.models).filter((name) => /^(int8|float16).*\.onnx$/.test(name));
  for (const name of files) {
    if (!name.startsWith('int8-dynamic')) await report(name, readFileSync(join(options.models, name)));
  }
}

/** A residual network with random weights. */
function residual(numbers) {
  const editor = GraphEditor.create('x', shape, 17);
  const layers = new Layers(editor, numbers);
  const options = { widths: [64, 128, 256], blocksPerWidth: 2, classes: 10 };
  layers.end(addResidualNetwork(layers, 'x', shape, options), 'y');
  editor.addOutput('y', [10]);
  return writeModel(editor.proto);
}

async function report(name, bytes) {
  const backbone = await profileBackbone(readModel(bytes, name));
  const whole = [await open(writeModel(backbone.model.proto))];
  const divided = [];
  for (const shares of places) divided.push(await openParts(backbone, shares));
  for (const batch of batches) {
    const [own, ...times] = await race([whole, ...divided], noise([batch, ...backbone.input.shape]));
    for (const [i, ms] of times.entries()) {
      const counts = [whole, divided[i]].map((parts) =>
        parts.reduce((sum, { integers }) => sum + integers, 0),
      );
      const cells = [divided[i].length, own.toFixed(3), ms.toFixed(3), (ms / own).toFixed(3), ...counts];
      console.log(`| ${[name, formatMacs(backbone.macs), batch, ...cells].join(' | ')} |`);
    }
  }
  for (const { session } of [whole, ...divided].flat()) await session.release();
}

function formatMacs(macs) {
  return `${(macs / 1e6).toFixed(1)} M`;
}

/** Sessions of a model's parts, cut where the cost is nearest to these shares. */
async function openParts(backbone, shares) {
  const distance = (cutPoint, share) => Math.abs(cutPoint.cumulativeMacs / backbone.macs - share);
  const nearest = (share) =>
    backbone.cutPoints.reduce((best, cutPoint) =>
      distance(cutPoint, share) <= distance(best, share) ? cutPoint : best,
    );
  const cuts = new Set(shares.map((share) => nearest(share).tensor));
  const ends = [null, ...cuts, null];
  const sessions = [];
  for (const [i, from] of ends.slice(0, -1).entries()) {
    sessions.push(await open(writeModel(extractSegment(backbone, from, ends[i + 1], names))));
  }
  return sessions;
}

/** A session, and how many operators it computes in integers. */
async function open(bytes) {
  const optimizedModelFilePath = join(folder, 'optimised.onnx');
  const threads = { intraOpNumThreads: 1, interOpNumThreads: 1 };
  const options = { ...threads, logSeverityLevel: 3, optimizedModelFilePath };
  const session = await InferenceSession.create(bytes, options);
  const { graph } = decodeModel(readFileSync(optimizedModelFilePath), 'optimised');
  return { session, integers: graph.node.filter(({ opType }) => integerOperator.test(opType)).length };
}

/** Milliseconds of processor time of each chain of sessions, in its cheapest round. */
async function race(chains, input) {
  const best = chains.map(() => Number.POSITIVE_INFINITY);
  for (let round = -3; round < rounds; round++) {
    for (const [i, sessions] of chains.entries()) {
      const start = process.cpuUsage();
      let tensor = input;
      for (const { session } of sessions) {
        const outputs = await session.run({ [session.inputNames[0]]: tensor });
        tensor = outputs[session.outputNames[0]];
      }
      const { user, system } = process.cpuUsage(start);
      if (round >= 0) best[i] = Math.min(best[i], (user + system) / 1000);
    }
  }
  return best;
}

/** Reproducible values in [−1, 1). */
function noise(dims) {
  const count = dims.reduce((product, size) => product * size, 1);
  const data = Float32Array.from({ length: count }, (_, i) => ((i * 2654435761) % 1000) / 500 - 1);
  return new Tensor('float32', data, dims);
}
