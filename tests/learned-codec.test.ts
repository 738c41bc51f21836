import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Client, credentials, status } from '@grpc/grpc-js';
import { type Bundle, encodeTensor, learned, stageLayout } from '@offramp/bundle';
import { startWorker, type Worker, workerConfig } from '@offramp/cloud-worker';
import { Encoding, offloadService, type ResumeRequestInit, type ResumeResponse } from '@offramp/contracts';
import { openDataset } from '@offramp/data';
import { agentConfig, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAnswerLines } from './support/answers.js';
import { picturesPath, temporaryFolder } from './support/example.js';
import { type LocalAnswer, localCascade } from './support/local-cascade.js';
import { bundleWithRoundingCodec } from './support/rounding-codec.js';

const count = 200;
const logger = createLogger('test', 'silent');

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundle: Bundle;
let worker: Worker;
let expected: Map<string, LocalAnswer>;

beforeAll(async () => {
  folder = await temporaryFolder();
  bundle = await bundleWithRoundingCodec(join(folder.path, 'bundle'));
  const config = await resolveConfig(workerConfig, { bundle: [bundle.directory], listen: '127.0.0.1:0' }, {});
  worker = await startWorker(config, logger);
  const pictures = await openDataset(picturesPath, { split: 'test' });
  expected = await localCascade(
    bundle,
    pictures,
    Array.from({ length: count }, (_, i) => i),
  );
});
afterAll(async () => {
  await worker.stop();
  await folder.remove();
});

async function runAgent(options: Record<string, unknown>) {
  const output = new PassThrough();
  const lines = readAnswerLines(output);
  const config = await resolveConfig(
    agentConfig,
    {
      ...{ bundle: bundle.directory, source: picturesPath, limit: count, nats: 'none' },
      ...{ cloud: worker.address, offloadTimeoutMs: 60_000, ...options },
    },
    {},
  );
  const agent = await startAgent(config, logger, { output });
  await agent.done;
  const { totals } = agent.status();
  output.end();
  return { answers: await lines, totals };
}

/** Rounding may bring a sample to the other side of a threshold. */
function expectAnswers(answers: readonly { sample: string; label: string; degraded: boolean }[]) {
  expect(answers).toHaveLength(count);
  expect(answers.filter(({ degraded }) => degraded)).toEqual([]);
  const different = answers.filter(({ sample, label }) => expected.get(sample)?.label !== label);
  expect(different.length).toBeLessThanOrEqual(1);
}

describe('a learned codec between device and worker', () => {
  it.each([
    ['one sample at a time', { maxInFlight: 1 }],
    ['several samples at once', { maxInFlight: 16 }],
  ])('carries activations as codes, %s', async (_, options) => {
    const { answers, totals } = await runAgent(options);
    expectAnswers(answers);
    const offloaded = answers.filter(({ offloaded }) => offloaded).length;
    expect(offloaded).toBeGreaterThan(0);
    expect(totals.encodings).toMatchObject({ learned: { samples: offloaded } });
    expect(Object.keys(totals.encodings)).toEqual(['learned']);
  });

  it('is left out where codecs must not lose anything', async () => {
    const { answers, totals } = await runAgent({ activationCodec: 'lossless' });
    expectAnswers(answers);
    expect(Object.keys(totals.encodings).every((name) => /float/.test(name))).toBe(true);
  });

  it('is left out at other boundaries', async () => {
    const { answers, totals } = await runAgent({ deviceStages: bundle.manifest.deviceStages + 1 });
    expectAnswers(answers);
    expect(Object.keys(totals.encodings)).not.toContain('learned');
  });
});

describe('a worker that is sent codes', () => {
  /** Sends tensors as inputs of a stage; gives the responses by sample. */
  async function ask(sent: readonly { stage: number; tensor: NonNullable<ResumeRequestInit['tensor']> }[]) {
    const client = new Client(worker.address, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = offloadService.Resume;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const responses = new Map<number, ResumeResponse>();
    const ended = new Promise<void>((resolve, reject) => {
      call.on('data', (response: ResumeResponse) => responses.set(Number(response.sampleId), response));
      call.on('error', reject).on('end', resolve);
    });
    for (const [sampleId, { stage, tensor }] of sent.entries()) {
      call.write({
        ...{ sampleId, stage, tensor },
        bundleDigest: bundle.digestBytes,
        thresholds: bundle.manifest.policy.thresholds,
      });
    }
    call.end();
    await ended.finally(() => client.close());
    return sent.map((_, sampleId) => responses.get(sampleId));
  }

  it('refuses those that are none, for themselves alone, and those of another boundary', async () => {
    const stage = bundle.manifest.deviceStages;
    const layout = stageLayout(bundle.manifest, stage);
    const symbols = (layout.code ?? []).reduce((sum, table) => sum + table.symbols, 0);
    const code = Float32Array.from({ length: symbols }, (_, i) => i % 3);
    const right = encodeTensor(learned, layout, code);
    const wrong = Array.from({ length: 50 }, (_, i) => {
      const data = randomBytes(i === 0 ? 0 : Math.ceil((right.data.byteLength * i) / 40));
      return { shape: [...layout.shape], encoding: Encoding.ENCODING_LEARNED, data };
    });
    const elsewhere = bundle.manifest.stages[stage + 1]?.inputShape ?? [];
    const [first, other, ...rest] = await ask([
      { stage, tensor: right },
      { stage: stage + 1, tensor: { ...right, shape: [...elsewhere] } },
      ...wrong.map((tensor) => ({ stage, tensor })),
    ]);
    expect(first?.answer).toBeTruthy();
    expect(other?.refusal).toMatchObject({
      code: status.INVALID_ARGUMENT,
      message: expect.stringContaining('for which the bundle has a learned codec'),
    });
    for (const response of rest) expect(response?.refusal?.code).toBe(status.INVALID_ARGUMENT);
  });
});
