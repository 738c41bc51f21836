import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { backboneFiles, madeUpWave } from '@offramp/augment/testing';
import { argMax, Bundle, elementsOf } from '@offramp/bundle';
import { startWorker, workerConfig } from '@offramp/cloud-worker';
import { normalise, openInputs } from '@offramp/data';
import { bytesOfNumbers, npyFile, npzFile } from '@offramp/data/testing';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { filesBeside } from '@offramp/runtime/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { expectError, offramp, runHere } from '../support/command-line.js';
import { letNoneLeave, temporaryFolder } from '../support/example.js';
import { answersToSource } from '../support/lone-agent.js';
import { probabilitiesOf } from './support/differences.js';
import type { ModelKind } from './support/model-kind.js';
import { wholeModelScores } from './support/whole-model.js';

interface FileKind extends Partial<Pick<ModelKind, 'shape' | 'type' | 'options' | 'scores' | 'refused'>> {
  /** Deviation that pictures are divided by. Default: so small that networks with random weights give different answers. */
  std?: number;
  /** Where branches go, if not where the linear rule has them. */
  cutPoints?: string;
}

const counts = { train: 40, answered: 8 };
/** Of photographs, in pixels. */
const side = 128;
const tests = 'files of models, from inspect to answers';
const photos = fileURLToPath(new URL('../../../shared/data/photos', import.meta.url));
/** Each file is several programs to start, so that all of them are for `npm run test:models`. */
const all = process.env.OFFRAMP_TEST_ALL_MODELS !== undefined;
const few = ['float16.onnx', 'int8-dynamic.onnx', 'nhwc.onnx', 'sensor-3x256.onnx'];
/** What may lie between an answer's confidence and the probability that the whole model gives. */
const maxDifference = 1e-4;

/** What is not as in most files: pictures of 3×64×64, of float32, and logits. */
const kinds = new Map<string, FileKind>(
  Object.entries<FileKind>({
    'dynamic-height-width.onnx': { options: { inputShape: [3, 64, 64] } },
    'features-64.onnx': { shape: [64], cutPoints: '/1/Relu_output_0' },
    'float16.onnx': { type: 'float16' },
    'imagenet-mobilenetv2.onnx': { shape: [3, 224, 224], std: 0.5 },
    'int8-dynamic.onnx': {
      refused: {
        code: 'MODEL_UNSUPPORTED',
        message: /DynamicQuantizeLinear node .* quantises by the range of the whole batch/,
        hint: /Quantise the model statically.*or give the float model/,
      },
    },
    'nhwc.onnx': { shape: [64, 64, 3] },
    'one-sigmoid.onnx': { scores: 'one probability' },
    'sensor-3x256.onnx': { shape: [3, 256] },
    'shape-of-input.onnx': { shape: [1, 28, 28], cutPoints: 'p1' },
    'tin-mobilenetv2.onnx': { shape: [3, 128, 128], std: 0.5 },
    'two-outputs.onnx': { options: { output: 'kind' } },
    'uint8-nhwc-preprocessing-inside.onnx': { shape: [64, 64, 3], type: 'uint8' },
  }),
);

const files = [
  ...backboneFiles(tests, 'kinds'),
  ...backboneFiles(tests).filter(({ name }) => name.includes('mobilenetv2')),
];
const archive = filesBeside(photos, tests).find((name) => name.endsWith('.tar'));
const isComplete = files.length > 0 && archive !== undefined;

it.skipIf(!isComplete)('there are files of all kinds', () => {
  expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining([...kinds.keys(), 'plain.onnx']));
});

describe.runIf(isComplete)('inspect, augment and an agent take', () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    data = await temporaryFolder();
    await writeSamples(data.path);
  });
  afterAll(() => data.remove());

  const taken = files.filter(({ name }) => all || few.includes(name));
  it.each(taken.filter(({ name }) => !kinds.get(name)?.refused))('$name', async ({ name, path }) => {
    const { shape = [3, 64, 64], type, options = {}, scores, std = 0.05, cutPoints } = kinds.get(name) ?? {};
    const given = [
      ...(options.inputShape ? ['--input-shape', options.inputShape.join(',')] : []),
      ...(options.output ? ['--output', options.output] : []),
    ];
    expect(await succeed('inspect', path, ...given)).toMatch(/^augment takes (?:pictures|tensors) of /m);

    const folder = await temporaryFolder();
    onTestFinished(() => folder.remove());
    const bundlePath = join(folder.path, 'bundle');
    const samplesOf = (part: keyof typeof counts) => join(data.path, fileOf(shape, part));
    const perChannel = (value: number) => new Array(shape[0] === 1 ? 1 : 3).fill(value).join(',');
    await succeed(
      ...['augment', path, ...given, '--data', samplesOf('train'), '--out', bundlePath],
      ...(shape.length < 3 || type === 'uint8' ? [] : ['--mean', perChannel(0.5), '--std', perChannel(std)]),
      ...(cutPoints ? ['--cut-points', cutPoints] : ['--branches', '2', '--placement', 'linear']),
      ...['--body', 'pool', '--reuse', 'none', '--epochs', '1', '--hold-out', '16', '--cost', '1'],
    );
    await letNoneLeave(bundlePath);
    const bundle = await Bundle.open(bundlePath);
    expect(bundle.branches).toBeGreaterThan(0);

    const source = samplesOf('answered');
    const { input } = bundle.manifest;
    const dataset = await openInputs(source, input, { split: 'test' });
    const samples: Float32Array[] = [];
    for (let i = 0; i < dataset.size; i++) {
      samples.push(Float32Array.from(normalise((await dataset.readFitted(i, input)).values, input)));
    }
    const kind = { shape, options, ...(type ? { type } : {}) };
    const whole = await wholeModelScores(path, kind, samples, input.shape);
    const expected = new Map(
      whole.map((row, i) => [dataset.nameAt(i), probabilitiesOf([...row], scores)] as const),
    );
    expect(expected.size).toBe(counts.answered);
    const highest = [...expected.values()].map((probabilities) => Math.max(...probabilities));
    expect(Math.max(...highest) - Math.min(...highest), 'samples answered alike').toBeGreaterThan(
      maxDifference,
    );

    const config = await resolveConfig(workerConfig, { bundle: [bundlePath], listen: '127.0.0.1:0' }, {});
    const worker = await startWorker(config, createLogger('test', 'silent'));
    for (const deviceStages of [1, bundle.branches + 1]) {
      const { answers } = await answersToSource(bundlePath, source, { deviceStages, cloud: worker.address });
      expect(answers).toHaveLength(counts.answered);
      for (const { sample, labelIndex, confidence, degraded, offloaded } of answers) {
        const probabilities = expected.get(sample) ?? [];
        expect({ degraded, offloaded }).toEqual({ degraded: false, offloaded: deviceStages === 1 });
        expect(labelIndex).toBe(argMax(Float32Array.from(probabilities)));
        expect(Math.abs(confidence - (probabilities[labelIndex] as number))).toBeLessThan(maxDifference);
      }
    }
    await worker.stop();
  });

  it.each(taken.filter(({ name }) => kinds.get(name)?.refused))('not $name', async ({ name, path }) => {
    const { code = '', message = '', hint = '' } = kinds.get(name)?.refused ?? {};
    const ended = await runHere('inspect', path);
    expectError(ended, code, message);
    expect(ended.stderr).toMatch(hint);
  });
});

async function succeed(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await offramp(...args);
  expect(status, stderr).toBe(0);
  return stdout;
}

/** Where samples of a shape lie: numbers, or photographs in colour or grey. */
function fileOf(shape: readonly number[], part: keyof typeof counts): string {
  const what = shape.length < 3 ? shape.join('x') : shape[0] === 1 ? 'grey' : 'colour';
  return `${what}-${part}.npz`;
}

/** Writes the samples of all kinds, to train with and to answer. Their labels mean nothing. */
async function writeSamples(folder: string): Promise<void> {
  const photographs = await extractPhotos(folder);
  const shapes = [...kinds.values()].map(({ shape = [3, 64, 64] }) => shape);
  let first = 0;
  for (const [part, count] of Object.entries(counts) as [keyof typeof counts, number][]) {
    const places = Array.from({ length: count }, (_, i) => first + i);
    const y = npyFile(
      [count],
      '|u1',
      Uint8Array.from(places, (i) => i % 2),
    );
    for (const [file, shape] of new Map(shapes.map((shape) => [fileOf(shape, part), shape]))) {
      const x = shape.length < 3 ? waves(places, shape) : await pictures(places, shape, photographs);
      await writeFile(join(folder, file), npzFile({ x, y }));
    }
    first += count;
  }
}

function waves(places: readonly number[], shape: readonly number[]): Buffer {
  const samples = places.map((i) => madeUpWave(i, elementsOf(shape)).map((value) => 20 * value));
  return npyFile([places.length, ...shape], '<f4', Buffer.concat(samples.map(bytesOfNumbers)));
}

async function pictures(
  places: readonly number[],
  [channels]: readonly number[],
  paths: readonly string[],
): Promise<Buffer> {
  const samples: Buffer[] = [];
  for (const i of places) {
    const picture = sharp(await readFile(paths[i] ?? '')).resize(side, side, { fit: 'fill' });
    const coloured = channels === 1 ? picture.greyscale() : picture.toColourspace('srgb');
    samples.push(await coloured.removeAlpha().raw().toBuffer());
  }
  const dims = channels === 1 ? [side, side] : [side, side, 3];
  return npyFile([places.length, ...dims], '|u1', Buffer.concat(samples));
}

/** @returns the paths of the first photographs, as many as are needed */
async function extractPhotos(folder: string): Promise<string[]> {
  const tar = join(photos, archive ?? '');
  const { stdout } = await promisify(execFile)('tar', ['tf', tar, '--wildcards', 'train/*.jpg']);
  const names = stdout
    .trim()
    .split('\n')
    .slice(0, counts.train + counts.answered);
  await promisify(execFile)('tar', ['xf', tar, '-C', folder, ...names]);
  return names.map((name) => join(folder, name));
}
