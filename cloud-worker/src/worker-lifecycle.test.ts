import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Client, status } from '@grpc/grpc-js';
import { load, type ServiceDefinition } from '@grpc/proto-loader';
import type { Bundle } from '@offramp/bundle';
import { neverExit, offloadServiceName, type ResumeRequestInit } from '@offramp/contracts';
import { service as healthService } from 'grpc-health-check';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  classifyCall,
  connect,
  forEverMs,
  openExampleBundle,
  type ReferenceSample,
  referenceSamples,
  startClassify,
  startTestWorker,
  TestStream,
  until,
} from './worker.test.kit.js';

let bundle: Bundle;
let sample: ReferenceSample;

beforeAll(async () => {
  bundle = await openExampleBundle();
  [sample] = (await referenceSamples(bundle, 1)) as [ReferenceSample];
});

function request(sampleId: number, changes: ResumeRequestInit = {}): ResumeRequestInit {
  return {
    sampleId,
    bundleDigest: bundle.digestBytes,
    stage: 0,
    tensor: sample.inputs[0] ?? null,
    thresholds: neverExit(bundle.branches),
    ...changes,
  };
}

/** A worker that holds all samples until it drains. */
const startHoldingWorker = (options: Parameters<typeof startTestWorker>[0]) =>
  startTestWorker({ maxBatch: 1_000, maxWaitMs: forEverMs, ...options });

describe('a full queue', () => {
  test('refuses at once with a time to retry, and answers admitted samples', async () => {
    const worker = await startHoldingWorker({ maxQueue: 3 });
    const client = connect(worker);
    const admitted = new TestStream(client);
    for (const id of [1, 2, 3]) admitted.send(request(id));
    await until('three samples are in', () => worker.stats.counts().inFlight === 3);

    const { refusal } = await new TestStream(client).ask(request(1));
    expect(refusal).toMatchObject({ code: status.RESOURCE_EXHAUSTED, message: expect.stringContaining('3') });
    expect(refusal?.retryAfterMs).toBeGreaterThan(0);
    const error = await classifyCall(client, {
      bundleDigest: bundle.digestBytes,
      tensor: sample.inputs[0] ?? null,
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const [retryAfter] = (error as { metadata: { get(key: string): string[] } }).metadata.get(
      'retry-after-ms',
    );
    expect(Number(retryAfter)).toBeGreaterThan(0);

    await worker.stop();
    expect(admitted.responses.map(({ sampleId, result }) => [sampleId, result])).toEqual([
      [1, 'answer'],
      [2, 'answer'],
      [3, 'answer'],
    ]);
  });

  test('refuses audits long before samples', async () => {
    const worker = await startHoldingWorker({ maxQueue: 16 });
    const stream = new TestStream(connect(worker));
    for (const id of [1, 2]) stream.send(request(id, { audit: true }));
    await until('two audits are in', () => worker.stats.counts().inFlight === 2);
    const { refusal } = await stream.ask(request(3, { audit: true }));
    expect(refusal?.code).toBe(status.RESOURCE_EXHAUSTED);
    stream.send(request(4));
    await until('a sample is in', () => worker.stats.counts().inFlight === 3);
    await worker.stop();
    expect(stream.responses.map(({ result }) => result)).toEqual(['refusal', 'answer', 'answer', 'answer']);
  });

  test('under overload every sample gets exactly one response', async () => {
    const worker = await startHoldingWorker({ maxQueue: 20 });
    const streams = Array.from({ length: 3 }, () => new TestStream(connect(worker)));
    for (let id = 1; id <= 300; id++) for (const stream of streams) stream.send(request(id));
    for (const stream of streams) stream.call.end();
    await until('all are read', () => worker.stats.counts().samples === 900);
    await worker.stop();
    const answered: number[] = [];
    for (const stream of streams) {
      expect((await stream.status).code).toBe(status.OK);
      const ids = stream.responses.map(({ sampleId }) => sampleId ?? 0).sort((a, b) => a - b);
      expect(ids).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
      answered.push(stream.responses.filter(({ answer }) => answer).length);
    }
    // Places are kept for new senders, so the last one may be free at the end.
    const sum = answered.reduce((a, b) => a + b);
    expect(Math.min(...answered)).toBeGreaterThan(0);
    expect(sum).toBeGreaterThan(16);
    expect(sum).toBeLessThanOrEqual(20);
    expect(worker.stats.counts()).toMatchObject({
      answered: sum,
      refused: { RESOURCE_EXHAUSTED: 900 - sum },
    });
  });

  test('of one greedy client does not delay another', async () => {
    const worker = await startTestWorker({ maxBatch: 1, threads: 1 });
    const [greedy, modest] = [new TestStream(connect(worker)), new TestStream(connect(worker))];
    for (let id = 1; id <= 200; id++) greedy.send(request(id));
    await until('all are in', () => worker.stats.counts().samples === 200);
    expect((await modest.ask(request(1))).answer).toBeTruthy();
    expect(greedy.responses.length).toBeLessThan(200);
    await greedy.response(200);
  });

  test('gets its places back when a client disconnects', async () => {
    const worker = await startHoldingWorker({ maxQueue: 2 });
    const leaving = new TestStream(connect(worker));
    leaving.send(request(1));
    leaving.send(request(2));
    await until('the queue is full', () => worker.stats.counts().inFlight === 2);
    leaving.call.cancel();
    await until('the queue is empty', () => worker.stats.counts().inFlight === 0);

    const staying = new TestStream(connect(worker));
    staying.send(request(1));
    await until('a sample is in again', () => worker.stats.counts().inFlight === 1);
    await worker.stop();
    expect((await staying.response(1)).answer).toBeTruthy();
    expect(worker.stats.counts()).toMatchObject({
      answered: 1,
      abandoned: 2,
      stages: new Array<number>(bundle.branches + 1).fill(1),
    });
  });

  test('gets its place back when a Classify call is cancelled', async () => {
    const worker = await startHoldingWorker({});
    const { call, response } = startClassify(connect(worker), {
      bundleDigest: bundle.digestBytes,
      tensor: sample.inputs[0] ?? null,
    });
    await until('the sample is in', () => worker.stats.counts().inFlight === 1);
    call.cancel();
    await expect(response).rejects.toMatchObject({ code: status.CANCELLED });
    await until('the queue is empty', () => worker.stats.counts().inFlight === 0);
    expect(worker.stats.counts()).toMatchObject({ answered: 0, abandoned: 1 });
  });
});

describe('bounds', () => {
  test('a sample whose deadline passes in the queue is refused instead of run', async () => {
    const worker = await startHoldingWorker({});
    const stream = new TestStream(connect(worker));
    stream.send(request(1));
    const { refusal } = await stream.ask(request(2, { deadlineMs: 20 }));
    expect(refusal).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    expect(worker.stats.counts()).toMatchObject({ inFlight: 1, batches: 0 });
  });

  test('a stream with too many undelivered responses is not read any further', async () => {
    const worker = await startHoldingWorker({ maxStreamInFlight: 4 });
    const client = connect(worker);
    const stream = new TestStream(client);
    for (let id = 1; id <= 10; id++) stream.send(request(id));
    await until('four samples are in', () => worker.stats.counts().inFlight === 4);
    // On the same connection, so earlier messages have been received when these are answered.
    for (let i = 0; i < 5; i++) await checkHealth(client, '');
    expect(worker.stats.counts().samples).toBe(4);
  });

  test('and is read again when its responses are delivered', async () => {
    const worker = await startTestWorker({ maxStreamInFlight: 4 });
    const stream = new TestStream(connect(worker));
    for (let id = 1; id <= 50; id++) stream.send(request(id));
    stream.call.end();
    expect((await stream.status).code).toBe(status.OK);
    expect(new Set(stream.responses.map(({ sampleId }) => sampleId)).size).toBe(50);
  });

  test('streams beyond maxStreams are refused with a time to retry', async () => {
    const worker = await startTestWorker({ maxStreams: 1 });
    const client = connect(worker);
    const first = new TestStream(client);
    await first.ask(request(1));
    const { code, metadata } = await new TestStream(client).status;
    expect(code).toBe(status.RESOURCE_EXHAUSTED);
    expect(Number(metadata.get('retry-after-ms')[0])).toBeGreaterThan(0);
    first.call.end();
    await first.status;
    await until('the place is free', () => worker.stats.counts().streams === 0);
    expect((await new TestStream(client).ask(request(1))).answer).toBeTruthy();
  });
});

describe('draining', () => {
  test('answers samples in flight, refuses new ones, and ends every stream', async () => {
    const worker = await startTestWorker({ maxBatch: 1, threads: 1 });
    const client = connect(worker);
    const [busy, idle] = [new TestStream(client), new TestStream(client)];
    await idle.ask(request(1));
    for (let id = 1; id <= 200; id++) busy.send(request(id));
    await until('all are in', () => worker.stats.counts().samples === 201);
    const stopped = worker.stop();
    const { refusal } = await busy.ask(request(201));
    expect(refusal).toMatchObject({ code: status.UNAVAILABLE });
    expect(refusal?.retryAfterMs).toBeGreaterThan(0);
    await stopped;
    await worker.done;
    expect(busy.responses.filter(({ answer }) => answer)).toHaveLength(200);
    expect((await busy.status).code).toBe(status.OK);
    expect((await idle.status).code).toBe(status.OK);
    expect(worker.stats.counts()).toMatchObject({ answered: 201, inFlight: 0, streams: 0 });
  });

  test('refuses samples that are not done in time instead of leaving them without a response', async () => {
    const worker = await startTestWorker({ maxBatch: 1, threads: 1, drainMs: 0 });
    const stream = new TestStream(connect(worker));
    for (let id = 1; id <= 200; id++) stream.send(request(id));
    await until('all are in', () => worker.stats.counts().samples === 200);
    await worker.stop();
    expect(new Set(stream.responses.map(({ sampleId }) => sampleId)).size).toBe(200);
    const refused = stream.responses.filter(({ refusal }) => refusal?.code === status.UNAVAILABLE);
    expect(refused.length).toBeGreaterThan(0);
  });

  test('is seen by clients that watch the health', async () => {
    const worker = await startTestWorker();
    const client = connect(worker);
    const seen: unknown[] = [];
    const watch = methodOf(healthService, 'Watch');
    const call = client.makeServerStreamRequest(
      watch.path,
      watch.requestSerialize,
      watch.responseDeserialize,
      { service: offloadServiceName },
    );
    call.on('error', () => undefined);
    call.on('data', ({ status: health }: { status: string }) => seen.push(health));
    await until('the first status is there', () => seen.length === 1);
    await worker.stop();
    expect(seen).toEqual(['SERVING', 'NOT_SERVING']);
  });
});

describe('standard services', () => {
  test('health answers for the server and for Offload', async () => {
    const client = connect(await startTestWorker());
    expect(await checkHealth(client, '')).toEqual({ status: 'SERVING' });
    expect(await checkHealth(client, offloadServiceName)).toEqual({ status: 'SERVING' });
    await expect(checkHealth(client, 'another')).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  test.each(['v1', 'v1alpha'])('reflection %s lists Offload and describes it', async (version) => {
    const client = connect(await startTestWorker());
    const reflection = createRequire(import.meta.url).resolve('@grpc/reflection');
    const protos = await load(
      join(dirname(reflection), `../proto/grpc/reflection/${version}/reflection.proto`),
    );
    const { path, requestSerialize, responseDeserialize } = methodOf(
      protos[`grpc.reflection.${version}.ServerReflection`] as ServiceDefinition,
      'ServerReflectionInfo',
    );
    const ask = (question: object) =>
      new Promise((resolve, reject) => {
        const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
        call.on('data', resolve);
        call.on('error', reject);
        call.end(question);
      });
    expect(await ask({ listServices: '' })).toMatchObject({
      listServicesResponse: { service: expect.arrayContaining([{ name: offloadServiceName }]) },
    });
    expect(await ask({ fileContainingSymbol: 'offramp.v1.ResumeRequest' })).toMatchObject({
      fileDescriptorResponse: { fileDescriptorProto: [expect.any(Buffer)] },
    });
  });
});

describe('listening', () => {
  test('on an address in use is an error', async () => {
    const { address } = await startTestWorker();
    await expect(startTestWorker({ listen: address })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(address),
    });
  });

  test.each(['nonsense', '127.0.0.1', '127.0.0.1:99999'])('on %s is an error', async (listen) => {
    await expect(startTestWorker({ listen })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('on a Unix socket works', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'offramp-worker-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const worker = await startTestWorker({ listen: `unix:${join(directory, 'worker.sock')}` });
    expect((await new TestStream(connect(worker)).ask(request(1))).answer).toBeTruthy();
  });

  test('on a Unix socket left behind by a killed process works, on one in use it is an error', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'offramp-worker-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, 'worker.sock');
    await leaveSocketBehind(path);
    const worker = await startTestWorker({ listen: `unix:${path}` });
    expect((await new TestStream(connect(worker)).ask(request(1))).answer).toBeTruthy();
    await expect(startTestWorker({ listen: `unix:${path}` })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  });
});

/** Starts a process that listens on a Unix socket, and kills it. */
async function leaveSocketBehind(path: string): Promise<void> {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('listening'))`;
  const child = spawn(process.execPath, ['-e', script]);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

interface Method {
  path: string;
  requestSerialize(message: object): Buffer;
  responseDeserialize(bytes: Buffer): object;
}

function methodOf(service: Readonly<Record<string, Method>>, name: string): Method {
  const method = service[name];
  if (!method) throw new Error(`no method ${name}`);
  return method;
}

function checkHealth(client: Client, service: string): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = methodOf(healthService, 'Check');
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service }, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
}
