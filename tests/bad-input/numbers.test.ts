import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Client, credentials, status } from '@grpc/grpc-js';
import { type BrokenOutput, writeBrokenExits } from '@offramp/augment/testing';
import { type ActivationEncoding, Bundle, codecNamed, elementsOf, encodeTensor } from '@offramp/bundle';
import { startWorker, type WorkerConfig, workerConfig } from '@offramp/cloud-worker';
import {
  type ClassifyResponse,
  neverExit,
  offloadService,
  type ResumeResponse,
  type TensorMessage,
} from '@offramp/contracts';
import { type AgentConfig, type Answer, agentConfig, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { bundlePath, picturesPath, temporaryFolder } from '../support/example.js';

const tensorType = 'application/x-offramp-tensor';
/** Time for a refusal, in milliseconds. The best of several attempts counts: the machine may be busy. */
const maxRefusalMs = 50;
const attempts = 5;
/** Longer than any test takes: a sample that waits for company waits until the worker drains. */
const forEverMs = 10_000;

/** Values that no picture gives, and that make exits yield NaN. */
const hostile = [
  ['NaN', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['minus infinity', Number.NEGATIVE_INFINITY],
  ['the largest float32', 3.4028234663852886e38],
  ['-1e30', -1e30],
] as const;

let example: Bundle;
let stages: number;
let folder: string;

beforeAll(async () => {
  const temporary = await temporaryFolder();
  folder = temporary.path;
  example = await Bundle.open(bundlePath);
  stages = example.manifest.stages.length;
  return () => temporary.remove();
});

const shapeOf = (stage: number) => example.manifest.stages[stage]?.inputShape ?? [];

/** Plausible elements of a stage's input, with one replaced. */
function valuesWith(stage: number, value?: number): Float32Array {
  const values = Float32Array.from({ length: elementsOf(shapeOf(stage)) }, (_, i) => Math.sin(i) / 2);
  if (value !== undefined) values[values.length - 3] = value;
  return values;
}

function tensorWith(stage: number, value?: number, codec: ActivationEncoding = 'float32'): TensorMessage {
  return encodeTensor(codecNamed(codec), { shape: shapeOf(stage) }, valuesWith(stage, value));
}

async function startedAgent(bundle: Bundle, options: Partial<AgentConfig>) {
  const flags = { bundle: bundle.directory, device: 'test', nats: 'none', deviceStages: stages, ...options };
  const output = new PassThrough();
  const lines: string[] = [];
  const logger = createLogger('test', 'silent');
  const warn = vi.spyOn(logger, 'warn');
  output.setEncoding('utf8').on('data', (chunk: string) => lines.push(...chunk.split('\n').filter(Boolean)));
  const agent = await startAgent(await resolveConfig(agentConfig, flags, {}), logger, { output });
  onTestFinished(() => agent.stop());
  return { agent, warn, answers: () => lines.map((line) => JSON.parse(line) as Answer) };
}

async function startedWorker(bundle: Bundle, options: Partial<WorkerConfig> = {}) {
  const flags = { bundle: [bundle.directory], listen: '127.0.0.1:0', ...options };
  const worker = await startWorker(
    await resolveConfig(workerConfig, flags, {}),
    createLogger('test', 'silent'),
  );
  onTestFinished(() => worker.stop());
  const client = new Client(worker.address, credentials.createInsecure());
  onTestFinished(() => client.close());
  return { worker, client };
}

function post(address: string | null, body: Float32Array) {
  return new Promise<{ status: number | undefined; json: unknown }>((resolve, reject) => {
    const outgoing = httpRequest(`${address}/v1/classify`, {
      method: 'POST',
      headers: { 'content-type': tensorType },
    });
    outgoing.on('error', reject);
    outgoing.on('response', async (incoming) => {
      resolve({ status: incoming.statusCode, json: JSON.parse(await text(incoming)) });
    });
    outgoing.end(Buffer.from(body.buffer));
  });
}

/** Sends one sample on a stream of its own. */
async function resume(client: Client, stage: number, tensor: TensorMessage, thresholds?: number[]) {
  const { path, requestSerialize, responseDeserialize } = offloadService.Resume;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  call.on('error', () => undefined);
  const response = new Promise<ResumeResponse>((resolve) => call.once('data', resolve));
  const { digestBytes, branches } = served;
  call.write({
    sampleId: 1,
    bundleDigest: digestBytes,
    stage,
    tensor,
    thresholds: thresholds ?? neverExit(branches),
  });
  const found = await response;
  call.cancel();
  return found;
}
let served: Bundle;

function classify(client: Client, tensor: TensorMessage): Promise<ClassifyResponse> {
  const { path, requestSerialize, responseDeserialize } = offloadService.Classify;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { bundleDigest: served.digestBytes, tensor },
      (error, answer) => (answer ? resolve(answer) : reject(error)),
    );
  });
}

/** The shortest time that one of several attempts takes. */
async function bestOf(ask: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < attempts; i++) {
    const startedAt = performance.now();
    await ask();
    times.push(performance.now() - startedAt);
  }
  return Math.min(...times);
}

describe('tensors that are not finite, or huge', () => {
  it('are refused by an agent with 400, at once', async () => {
    const { agent } = await startedAgent(example, { listen: '127.0.0.1:0' });
    for (const [, value] of hostile) {
      const ask = () => post(agent.httpAddress, valuesWith(0, value));
      expect(await ask()).toMatchObject({
        status: 400,
        json: {
          error: {
            code: 'TENSOR_INVALID',
            message: expect.stringMatching(/^body: expected numbers from -\d+ to \d+, found /),
          },
        },
      });
      expect(await bestOf(ask)).toBeLessThan(maxRefusalMs);
    }
    expect(await post(agent.httpAddress, valuesWith(0))).toMatchObject({ status: 200 });
  });

  it('are refused by a worker with INVALID_ARGUMENT, at once, also while others wait for a batch', async () => {
    served = example;
    const { client } = await startedWorker(example, { maxBatch: 16, maxWaitMs: forEverMs, drainMs: 100 });
    for (const [, value] of hostile) {
      for (const stage of [0, 2]) {
        const ask = () => resume(client, stage, tensorWith(stage, value));
        expect((await ask()).refusal).toMatchObject({
          code: status.INVALID_ARGUMENT,
          message: expect.stringMatching(
            new RegExp(`^input of stage ${stage}: expected numbers from -\\d+ to \\d+, found `),
          ),
        });
        expect(await bestOf(ask)).toBeLessThan(maxRefusalMs);
      }
      const ask = () => classify(client, tensorWith(0, value)).catch((error: unknown) => error);
      expect(await ask()).toMatchObject({ code: status.INVALID_ARGUMENT });
      expect(await bestOf(ask)).toBeLessThan(maxRefusalMs);
    }
  });

  it.each(['float16', 'float32+deflate', 'float16+deflate'] as const)(
    'are refused by a worker in %s, too',
    async (codec) => {
      served = example;
      const { client } = await startedWorker(example);
      const ask = () => resume(client, 2, tensorWith(2, Number.NaN, codec));
      expect((await ask()).refusal).toMatchObject({
        code: status.INVALID_ARGUMENT,
        message: expect.stringContaining('found NaN'),
      });
      expect(await bestOf(ask)).toBeLessThan(maxRefusalMs);
    },
  );

  it.each(['int8', 'int4'] as const)('are refused by a worker in %s, by their scales', async (codec) => {
    served = example;
    const { client } = await startedWorker(example);
    const tensor = tensorWith(2, 0, codec);
    // The upper half of a binary32 NaN, and of 1e38.
    for (const scale of [0x7fc0, 0x7e96]) {
      const data = Uint8Array.from(tensor.data);
      data.set([scale & 0xff, scale >> 8]);
      const { refusal } = await resume(client, 2, { ...tensor, data });
      expect(refusal).toMatchObject({ code: status.INVALID_ARGUMENT });
    }
  });
});

describe('an exit that yields NaN, or fails,', () => {
  const broken = (name: string, outputs: [number, BrokenOutput][], thresholds: number[]) =>
    writeBrokenExits(join(folder, name), example, new Map(outputs), thresholds);
  const never = () => neverExit(stages - 1);
  const always = () => never().map(() => 0);

  it.each(['confidence', 'probabilities'] as const)(
    'never answers on a device, whatever its threshold: deeper exits do, and the log says so (%s)',
    async (output) => {
      const bundle = await broken(`first-${output}`, [[0, output]], always());
      const { agent, answers, warn } = await startedAgent(bundle, { source: picturesPath, limit: 50 });
      await agent.done;
      expect(answers()).toHaveLength(50);
      expect(new Set(answers().map(({ exit }) => exit))).toEqual(new Set([1]));
      expect(warn).toHaveBeenCalledWith(
        expect.objectContaining({ exit: 0 }),
        'an exit yielded NaN and cannot answer; other exits do',
      );
    },
  );

  it('fails a sample with INFERENCE_FAILED where no other exit is left', async () => {
    const bundle = await broken('last', [[stages - 1, 'confidence']], never());
    const { agent, answers } = await startedAgent(bundle, { listen: '127.0.0.1:0' });
    for (let i = 0; i < 40; i++) {
      // Also where single samples run on the event loop.
      expect(await post(agent.httpAddress, valuesWith(0))).toMatchObject({
        status: 500,
        json: {
          error: {
            code: 'INFERENCE_FAILED',
            message: `exit ${stages - 1} does not answer: expected numbers as probabilities and confidence, found NaN or infinity`,
          },
        },
      });
    }
    await agent.stop();
    expect(answers()).toHaveLength(40);
  });

  it('gives no degraded answers either', async () => {
    const bundle = await broken('only', [[0, 'confidence']], never());
    const { agent } = await startedAgent(bundle, { listen: '127.0.0.1:0', deviceStages: 1 });
    expect(await post(agent.httpAddress, valuesWith(0))).toMatchObject({
      status: 500,
      json: { error: { code: 'INFERENCE_FAILED' } },
    });
  });

  it('never answers on a worker: the sample goes on, or is refused at the last exit', async () => {
    served = await broken('middle', [[2, 'probabilities']], always());
    const { client } = await startedWorker(served);
    const { answer } = await resume(client, 2, tensorWith(2), served.manifest.policy.thresholds);
    expect(answer).toMatchObject({ exit: 3, passed: [{ exit: 2, confidence: Number.NaN }] });

    served = await broken('final', [[stages - 1, 'probabilities']], never());
    const final = await startedWorker(served);
    expect((await resume(final.client, 2, tensorWith(2))).refusal).toMatchObject({
      code: status.INTERNAL,
      message: expect.stringContaining(`exit ${stages - 1} does not answer`),
    });
    await expect(classify(final.client, tensorWith(0))).rejects.toMatchObject({ code: status.INTERNAL });
  });

  it('fails on a worker for itself alone, if its stage cannot be run', async () => {
    served = await broken('failing', [[stages - 1, 'run']], always());
    const { client } = await startedWorker(served);
    expect((await resume(client, stages - 1, tensorWith(stages - 1, 1))).refusal).toMatchObject({
      code: status.INTERNAL,
      message: expect.stringContaining(`stage ${stages - 1} failed`),
    });
    const { answer } = await resume(client, 2, tensorWith(2), served.manifest.policy.thresholds);
    expect(answer).toMatchObject({ exit: 2 });
  });

  it('on a worker does not keep a device from its answer', async () => {
    const bundle = await broken('offloaded', [[2, 'confidence']], [2, 2, ...always().slice(2)]);
    const { worker } = await startedWorker(bundle);
    const { agent, answers } = await startedAgent(bundle, {
      source: picturesPath,
      limit: 50,
      deviceStages: 2,
      cloud: worker.address,
      offloadTimeoutMs: 30_000,
    });
    await agent.done;
    expect(answers()).toHaveLength(50);
    expect(answers().every(({ exit, degraded }) => exit === 3 && !degraded)).toBe(true);
  });
});
