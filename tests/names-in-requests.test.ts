import { request as httpRequest } from 'node:http';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Client, credentials, status } from '@grpc/grpc-js';
import { type Bundle, codecNamed, elementsOf, encodeTensor } from '@offramp/bundle';
import { startWorker, type Worker, workerConfig } from '@offramp/cloud-worker';
import { type ClassifyResponse, neverExit, offloadService, type ResumeResponse } from '@offramp/contracts';
import { type Agent, type Answer, agentConfig, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig } from '@offramp/runtime';
import sharp from 'sharp';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { picturesPath, temporaryFolder } from './support/example.js';
import { outsideLabels, writeNamedBundle } from './support/named-bundle.js';
import { expectTyped, outsideNames } from './support/outside-names.js';

const silent = createLogger('test', 'silent');

let bundle: Bundle;
let worker: Worker;
let agent: Agent;
beforeAll(async () => {
  const folder = await temporaryFolder();
  bundle = await writeNamedBundle(folder.path);
  const flags = { bundle: [bundle.directory], listen: '127.0.0.1:0' };
  worker = await startWorker(await resolveConfig(workerConfig, flags, {}), silent);
  agent = await startedAgent({ listen: '127.0.0.1:0', answers: 'none' });
  return async () => {
    await agent.stop();
    await worker.stop();
    await folder.remove();
  };
});

async function startedAgent(options: object, output = new PassThrough()): Promise<Agent> {
  const flags = { bundle: bundle.directory, device: 'test', nats: 'none', ...options };
  return startAgent(await resolveConfig(agentConfig, flags, {}), silent, { output });
}

it('labels with such names are answers, of the device and of the worker', async () => {
  const output = new PassThrough();
  const started = await startedAgent(
    { source: picturesPath, limit: 200, cloud: worker.address, offloadTimeoutMs: 30_000 },
    output,
  );
  const lines = text(output);
  await started.done;
  output.end();
  const answers = (await lines).split('\n').filter(Boolean);
  const found = answers.map((line) => JSON.parse(line) as Answer);
  expect(found).toHaveLength(200);
  expect(found.map(({ label }) => label)).toEqual(found.map(({ labelIndex }) => outsideLabels[labelIndex]));
  expect(new Set(found.map(({ offloaded }) => offloaded))).toEqual(new Set([true, false]));
});

it('a worker refuses such names for digests, and goes on answering', async () => {
  const client = new Client(worker.address, credentials.createInsecure());
  onTestFinished(() => client.close());
  const { Resume, Classify } = offloadService;
  const call = client.makeBidiStreamRequest(Resume.path, Resume.requestSerialize, Resume.responseDeserialize);
  call.on('error', () => undefined);
  onTestFinished(() => call.cancel());
  const { shape } = bundle.manifest.input;
  const tensor = encodeTensor(
    codecNamed('float32'),
    { shape },
    new Float32Array(elementsOf(shape)).fill(0.25),
  );
  const resume = (bundleDigest: Uint8Array) => {
    const answered = new Promise<ResumeResponse>((resolve) => call.once('data', resolve));
    call.write({ sampleId: 1, bundleDigest, stage: 0, tensor, thresholds: neverExit(bundle.branches) });
    return answered;
  };
  const { path, requestSerialize, responseDeserialize } = Classify;
  const classify = (bundleDigest: Uint8Array) =>
    new Promise<ClassifyResponse>((resolve, reject) => {
      const message = { bundleDigest, tensor };
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, (error, answer) =>
        answer ? resolve(answer) : reject(error),
      );
    });
  for (const [about, name] of outsideNames) {
    const { refusal } = await resume(Buffer.from(name));
    expect([status.INVALID_ARGUMENT, status.NOT_FOUND], about).toContain(refusal?.code);
    expectTyped({ code: 'BUNDLE_UNKNOWN', message: refusal?.message ?? '' }, about);
    await expect(classify(Buffer.from(name))).rejects.toMatchObject({ code: refusal?.code });
  }
  expect((await resume(bundle.digestBytes)).answer).toBeTruthy();
  expect((await classify(bundle.digestBytes)).answer).toBeTruthy();
});

interface Asked {
  status: number | undefined;
  json: { error?: { code: string; message: string } };
}

function ask(path: string, headers: Readonly<Record<string, string>>, body: string | Buffer): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(`${agent.httpAddress}${path}`, { method: 'POST', headers });
    outgoing.on('error', reject);
    outgoing.on('response', async (incoming) =>
      resolve({ status: incoming.statusCode, json: JSON.parse(await text(incoming)) }),
    );
    outgoing.end(body);
  });
}

it('an agent refuses such names in requests by rule, and goes on answering', async () => {
  const picture = { 'content-type': 'image/png' };
  for (const [about, name] of outsideNames) {
    const part = encodeURIComponent(name);
    const asked = [
      await ask(`/v1/${part}`, picture, 'x'),
      await ask(`/v1/classify/${part}`, picture, 'x'),
      await ask('/v1/classify', picture, name),
    ];
    // Node.js sends no other names in a header.
    if (/^[\x20-\x7e]+$/.test(name)) {
      asked.push(await ask('/v1/classify', { ...picture, host: name }, 'x'));
      asked.push(await ask('/v1/classify', { 'content-type': name }, 'x'));
    }
    for (const { status: found, json } of asked) {
      expect([400, 401, 404, 415], about).toContain(found);
      expectTyped(json.error ?? { code: '', message: '' }, about);
    }
  }
  const grey = { width: 28, height: 28, channels: 3, background: 'grey' } as const;
  const body = await sharp({ create: grey }).png().toBuffer();
  const answer = await ask('/v1/classify?__proto__=1&constructor=2', picture, body);
  expect(answer).toMatchObject({ status: 200, json: { exit: expect.any(Number) } });
});
