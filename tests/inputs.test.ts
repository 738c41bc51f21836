import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { credentials, Metadata, makeClientConstructor } from '@grpc/grpc-js';
import { GraphEditor, writeModel } from '@offramp/augment';
import { argMax, Bundle, encodeTensor, float32 } from '@offramp/bundle';
import { type ClassifyResponse, offloadService } from '@offramp/contracts';
import { normalise, openInputs } from '@offramp/data';
import { npyFile } from '@offramp/data/testing';
import type { AgentConfig } from '@offramp/edge-agent';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { expect, it, onTestFinished } from 'vitest';
import { offramp, runHere, startedWorker } from './support/command-line.js';
import { letNoneLeave, temporaryFolder } from './support/example.js';
import { answersToSource, startedAgent } from './support/lone-agent.js';

const count = 120;
const classes = 3;

/** A model, its data, and what the whole path has to make of them. */
interface Kind {
  /** Of one sample, in the model's own order. */
  shape: number[];
  build(g: GraphEditor): void;
  /** Element type of input and data, as ONNX has it, and as NumPy does. */
  type: { onnx: number; runtime: 'uint8' | 'float32'; numpy: '|u1' | '<f4' };
  options: string[];
  /** What `inspect` says. */
  said: string;
  /** Numbers of the data become the model's by this. */
  prepare(value: number, place: number): number;
  /** Request bodies that say the same. */
  bodies(data: Uint8Array | Float32Array): Promise<[contentType: string, body: Uint8Array | string][]>;
}

const weight = (g: GraphEditor, dims: readonly number[], scale = 0.5) =>
  g.addInitializer(
    'w',
    dims,
    Float32Array.from(
      { length: dims.reduce((product, size) => product * size, 1) },
      (_, i) => scale * Math.cos(7 * i),
    ),
  );

function classify(g: GraphEditor, from: string, width: number): void {
  g.addNode('Flatten', [from], ['flat'], { axis: { i: 1 } });
  g.addNode('MatMul', ['flat', weight(g, [width, 16], 0.2)], ['d1']);
  g.addNode('Tanh', ['d1'], ['t1']);
  g.addNode('MatMul', ['t1', weight(g, [16, classes])], ['logits']);
}

const kinds: Record<string, Kind> = {
  'bytes of pictures with the channels last': {
    shape: [12, 12, 3],
    type: { onnx: 2, runtime: 'uint8', numpy: '|u1' },
    build(g) {
      g.addNode('Cast', ['input'], ['numbers'], { to: { i: 1 } });
      g.addNode('Mul', ['numbers', g.addInitializer('scale', [1], Float32Array.of(1 / 128))], ['scaled']);
      g.addNode('Transpose', ['scaled'], ['first'], { perm: { ints: [0, 3, 1, 2] } });
      g.addNode('Conv', ['first', weight(g, [8, 3, 3, 3])], ['c1']);
      g.addNode('Tanh', ['c1'], ['a1']);
      g.addNode('Conv', ['a1', weight(g, [8, 8, 3, 3])], ['c2']);
      g.addNode('Tanh', ['c2'], ['a2']);
      classify(g, 'a2', 8 * 64);
    },
    options: [],
    said: 'augment takes pictures of 3×12×12, transposes them to channels last and rounds them to uint8',
    prepare: (value) => value,
    bodies: async (data) => [
      [
        'image/png',
        await sharp(data as Uint8Array, { raw: { height: 12, width: 12, channels: 3 } })
          .png()
          .toBuffer(),
      ],
    ],
  },
  'sensor windows of two channels': {
    shape: [2, 64],
    type: { onnx: 1, runtime: 'float32', numpy: '<f4' },
    build(g) {
      g.addNode('Conv', ['input', weight(g, [8, 2, 5])], ['c1']);
      g.addNode('Tanh', ['c1'], ['a1']);
      g.addNode('Conv', ['a1', weight(g, [8, 8, 5])], ['c2']);
      g.addNode('Tanh', ['c2'], ['a2']);
      classify(g, 'a2', 8 * 56);
    },
    options: ['--mean', '20,-4', '--std', '120'],
    said: 'augment takes tensors of 2×64 from NumPy files; --mean and --std are not needed',
    prepare: (value, place) => (value - (place < 64 ? 20 : -4)) / 120,
    bodies: async (data) => [
      ['application/octet-stream', new Uint8Array(data.buffer, data.byteOffset, data.byteLength)],
      ['application/json', JSON.stringify([[...data.subarray(0, 64)], [...data.subarray(64)]])],
    ],
  },
};

/** Numbers from 0 to 255 in waves of many lengths. */
const valueAt = (sample: number, i: number) =>
  Math.round(127.5 + 127.5 * Math.sin((sample + 1) * (i + 1) ** 0.6));

/** A model's file, its data as a file, and what the model answers to it. */
async function writeModelAndData(folder: string, { shape, type, build, prepare }: Kind) {
  const [model, data] = [join(folder, 'model.onnx'), join(folder, 'x.npy')];
  const elements = shape.reduce((product, size) => product * size, 1);
  const g = GraphEditor.create('input', shape, 17);
  build(g);
  g.addOutput('logits', [classes]);
  const tensor = g.graph.input[0]?.type?.tensorType;
  if (tensor) tensor.elemType = type.onnx;
  await writeFile(model, writeModel(g.proto));

  const Numbers = type.runtime === 'uint8' ? Uint8Array : Float32Array;
  const samples = Array.from({ length: count }, (_, sample) => {
    const values = new Numbers(elements);
    for (let i = 0; i < elements; i++) values[i] = valueAt(sample, i);
    return values;
  });
  const bytes = Buffer.concat(samples.map(({ buffer }) => new Uint8Array(buffer)));
  await writeFile(data, npyFile([count, ...shape], type.numpy, bytes));
  const session = await InferenceSession.create(await readFile(model));
  const expected: number[] = [];
  for (const sample of samples) {
    const own = sample.map(prepare) as Float32Array;
    const { logits } = await session.run({
      input: new Tensor(type.runtime as 'float32', own, [1, ...shape]),
    });
    expected.push(argMax(logits?.data as Float32Array));
  }
  await session.release();
  return { model, data, samples, expected };
}

it.each(Object.entries(kinds))(
  'a model of %s is answered as its file does, on every path',
  async (_, kind) => {
    const folder = await temporaryFolder();
    onTestFinished(() => folder.remove());
    const { model, data, samples, expected } = await writeModelAndData(folder.path, kind);
    const bundlePath = join(folder.path, 'bundle');
    expect((await runHere('inspect', model)).stdout).toContain(kind.said);
    await succeed(
      ...['augment', model, '--data', data, '--out', bundlePath, ...kind.options],
      ...['--branches', '2', '--placement', 'linear', '--body', 'pool', '--reuse', 'none'],
      ...['--epochs', '2', '--hold-out', '40', '--cost', '1'],
    );
    await letNoneLeave(bundlePath);
    await succeed('calibrate', bundlePath, '--data', data, '--threads', '1');
    expect(await succeed('evaluate', bundlePath, '--data', data, '--threads', '1')).toMatch(
      /^never .* 100\.00 % /m,
    );
    await succeed('plan', bundlePath, '--send-input', '--bandwidth', '2mbit', '--rtt', '40ms');

    const { address } = await startedWorker(bundlePath);
    const bundle = await Bundle.open(bundlePath);
    const wholly = await answersFromFile(bundlePath, data, { deviceStages: bundle.branches + 1 });
    expect(wholly.labels).toEqual(expected);
    const sent: number[] = [];
    for (const sendInput of [false, true]) {
      const offloading = { sendInput, deviceStages: 1, cloud: address };
      const { labels, offloaded, bytes } = await answersFromFile(bundlePath, data, offloading);
      expect(labels).toEqual(expected);
      expect(offloaded).toBe(count);
      sent.push(bytes);
    }
    // The first activation is larger than the input.
    expect(sent[1]).toBeLessThan(0.8 * (sent[0] as number));
    const { program } = await startedAgent(bundlePath, {
      ...{ listen: '127.0.0.1:0', deviceStages: 1, cloud: address },
    });
    for (const index of [0, 7, 11]) {
      for (const [contentType, body] of await kind.bodies(samples[index] as Float32Array)) {
        const response = await fetch(`${program.httpAddress}/v1/classify`, {
          ...{ method: 'POST', headers: { 'content-type': contentType } },
          body: body as Uint8Array<ArrayBuffer>,
        });
        expect(await response.json()).toMatchObject({ labelIndex: expected[index], offloaded: true });
      }
    }
    await program.stop();

    const { input } = bundle.manifest;
    const dataset = await openInputs(data, input, { split: 'test' });
    for (const index of [2, 5]) {
      const values = normalise((await dataset.readFitted(index, input)).values, input);
      expect(await classifyBy(address, bundle, values)).toBe(expected[index]);
    }
  },
);

async function succeed(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await offramp(...args);
  expect(status, stderr).toBe(0);
  return stdout;
}

/** Labels of all samples, in order. */
async function answersFromFile(bundlePath: string, source: string, changes: Partial<AgentConfig>) {
  const { answers, offloadBytes } = await answersToSource(bundlePath, source, changes);
  const bySample = new Map(answers.map((answer) => [answer.sample, answer]));
  return {
    labels: Array.from({ length: count }, (_, i) => bySample.get(`x.npy:${i}`)?.labelIndex),
    offloaded: answers.filter(({ offloaded, degraded }) => offloaded && !degraded).length,
    bytes: offloadBytes,
  };
}

/** What the worker's `Classify` answers. @param values of the model's input */
async function classifyBy(
  address: string,
  bundle: Bundle,
  values: Float32Array,
): Promise<number | undefined> {
  const { input } = bundle.manifest;
  const Client = makeClientConstructor(offloadService, 'offramp.v1.Offload');
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = offloadService.Classify;
  const tensor = encodeTensor(float32, { shape: input.shape, input }, values);
  const request = { bundleDigest: bundle.digestBytes, tensor };
  const response = await new Promise<ClassifyResponse>((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      (error, value) => (error || !value ? reject(error) : resolve(value)),
    );
  });
  client.close();
  return response.answer?.label;
}
