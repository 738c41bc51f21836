import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent as HttpAgent, type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bundle, openDataset } from '@offramp/shared';
import sharp from 'sharp';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { AgentConfig } from './agent.js';
import {
  exampleBundleDirectory,
  exampleData,
  exampleInputs,
  type Reference,
  referenceAnswers,
} from './testing/example.js';
import { neverAnswer, startScriptedWorker } from './testing/scripted-worker.js';
import { startTestAgent, type TestAgent } from './testing/test-agent.js';

const tensorType = 'application/x-offramp-tensor';
const soon = { timeout: 10_000, interval: 5 };

let bundle: Bundle;
/** A picture that does not leave at the first exit: what the cascade says, and the picture in two forms. */
let reference: Reference;
let png: Buffer;
let tensor: Buffer;
let allStages: number;
beforeAll(async () => {
  bundle = await Bundle.open(exampleBundleDirectory);
  allStages = bundle.branches + 1;
  const references = await referenceAnswers(bundle, bundle.manifest.policy.thresholds, 100);
  const index = references.findIndex(({ outcome }) => outcome.exit > 0);
  if (index < 0) throw new Error('expected a picture that does not leave at the first exit');
  reference = references[index] as Reference;
  const { picture } = await (await openDataset(exampleData, { split: 'test', channels: 1 })).read(index);
  const { pixels, width, height, channels } = picture;
  png = await sharp(pixels, { raw: { width, height, channels } }).png().toBuffer();
  const input = (await exampleInputs(bundle, index + 1))[index] as Float32Array;
  tensor = Buffer.alloc(input.byteLength);
  input.forEach((value, i) => {
    tensor.writeFloatLE(value, i * 4);
  });
});

let agent: TestAgent | null = null;
afterEach(async () => {
  await agent?.stop();
  agent = null;
});

async function serve(config: Partial<AgentConfig> = {}): Promise<TestAgent> {
  agent = await startTestAgent({ listen: '127.0.0.1:0', deviceStages: allStages, ...config });
  return agent;
}

interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  json: Record<string, unknown> & { error?: { code: string; message: string } };
}

async function call(
  address: string,
  method: string,
  path: string,
  type?: string,
  body?: Buffer,
): Promise<Reply> {
  const target = address.startsWith('unix:')
    ? { socketPath: address.slice('unix:'.length) }
    : { host: new URL(address).hostname, port: new URL(address).port };
  const headers = type ? { 'content-type': type } : {};
  const outgoing = request({ ...target, method, path, headers, agent: new HttpAgent({ keepAlive: false }) });
  outgoing.end(body);
  const [incoming] = await once(outgoing, 'response');
  let text = '';
  for await (const chunk of incoming) text += chunk;
  return { status: incoming.statusCode, headers: incoming.headers, json: JSON.parse(text) };
}

const classify = (type: string, body: Buffer) =>
  call(agent?.httpAddress ?? '', 'POST', '/v1/classify', type, body);

test.each([
  ['a picture', 'image/png', () => png],
  ['a picture by its bytes', 'application/octet-stream', () => png],
  ['a preprocessed tensor', tensorType, () => tensor],
])('%s gets the answer of the cascade, on the wire and in the answers', async (_, type, body) => {
  await serve();
  const { status, json } = await classify(type, body());
  expect(status).toBe(200);
  expect(json).toMatchObject({ exit: reference.outcome.exit, labelIndex: reference.outcome.label, id: 1 });
  await vi.waitFor(() => expect(agent?.answers).toEqual([json]), soon);
});

test('over a Unix socket, whose file goes with the agent', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'offramp-socket-'));
  const path = join(folder, 'agent.sock');
  await serve({ listen: `unix:${path}` });
  expect(agent?.httpAddress).toBe(`unix:${path}`);
  expect((await classify('image/png', png)).status).toBe(200);
  await expect(startTestAgent({ listen: `unix:${path}` })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  expect((await classify('image/png', png)).status).toBe(200);
  await agent?.stop();
  expect(existsSync(path)).toBe(false);
  await rm(folder, { recursive: true });
});

test('a socket file that a dead process left is taken over; any other file is not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'offramp-socket-'));
  const stale = join(folder, 'stale.sock');
  await leaveSocketBehind(stale);
  expect(existsSync(stale)).toBe(true);
  await serve({ listen: `unix:${stale}` });
  expect((await classify('image/png', png)).status).toBe(200);
  const file = join(folder, 'notes.txt');
  await writeFile(file, 'mine');
  await expect(startTestAgent({ listen: `unix:${file}` })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  expect(existsSync(file)).toBe(true);
  await rm(folder, { recursive: true });
});

async function leaveSocketBehind(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script]), 'exit');
}

test('a taken port is an error of its own', async () => {
  await serve();
  const port = new URL(agent?.httpAddress ?? '').port;
  await expect(startTestAgent({ listen: `127.0.0.1:${port}` })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
  });
});

test.each([
  ['bytes that are no picture', 'image/png', () => Buffer.from('no picture'), 400, 'IMAGE_INVALID'],
  ['a truncated picture', 'image/png', () => png.subarray(0, 60), 400, 'IMAGE_INVALID'],
  ['a tensor of the wrong length', tensorType, () => tensor.subarray(4), 400, 'TENSOR_INVALID'],
  ['a tensor that is not finite', tensorType, () => Buffer.alloc(tensor.length, 0xff), 400, 'TENSOR_INVALID'],
  ['an empty body', 'image/png', () => Buffer.alloc(0), 400, 'REQUEST_INVALID'],
  ['a body that is too large', 'image/png', () => Buffer.alloc(20_001), 413, 'REQUEST_INVALID'],
  ['a type that is not taken', 'text/plain', () => Buffer.from('hello'), 415, 'REQUEST_INVALID'],
  ['JSON', 'application/json', () => Buffer.from('{}'), 415, 'REQUEST_INVALID'],
])('%s is refused, and the next request is served', async (_, type, body, status, code) => {
  await serve({ maxBodyBytes: 20_000, maxInFlight: 1 });
  const refused = await classify(type, body());
  expect(refused).toMatchObject({ status, json: { error: { code, message: expect.any(String) } } });
  if (status === 415) expect(refused.json.error?.message).toContain(tensorType);
  await vi.waitFor(async () => expect((await classify('image/png', png)).status).toBe(200), soon);
});

test('an unreadable picture is a sample that failed: one answer, counted', async () => {
  await serve();
  const { json } = await classify('image/png', Buffer.from('no picture'));
  await vi.waitFor(() => expect(agent?.answers).toEqual([json]), soon);
  expect(agent?.status().totals).toMatchObject({ samples: 0, failed: 1 });
});

test('what is not there is said so, in JSON', async () => {
  await serve();
  for (const [method, path] of [
    ['GET', '/v2'],
    ['GET', '/v1/classify'],
  ] as const) {
    const { status, json } = await call(agent?.httpAddress ?? '', method, path);
    expect(status).toBe(404);
    expect(json.error?.code).toBe('REQUEST_INVALID');
  }
});

test('health, readiness and status', async () => {
  await serve();
  const get = (path: string) => call(agent?.httpAddress ?? '', 'GET', path);
  expect(await get('/healthz')).toMatchObject({ status: 200, json: { status: 'ok' } });
  expect(await get('/readyz')).toMatchObject({ status: 200, json: { status: 'ready' } });
  await classify('image/png', png);
  expect(await get('/v1/status')).toMatchObject({
    status: 200,
    json: {
      phase: 'running',
      device: 'test',
      bundle: { digest: bundle.digest },
      policy: { version: 0, error: null },
      cloud: null,
      nats: null,
      totals: { samples: 1 },
    },
  });
});

test('a full agent refuses at once and says when to come back; while it stops, it refuses the same way', async () => {
  const worker = await startScriptedWorker(neverAnswer);
  const hard = await serve({
    cloud: worker.address,
    deviceStages: 1,
    maxInFlight: 2,
    offloadTimeoutMs: 60_000,
    drainMs: 500,
  });
  const stuck = [classify('image/png', png), classify('image/png', png)];
  await vi.waitFor(() => expect(hard.status().cloud?.sent).toBe(2), soon);
  const refused = await classify('image/png', png);
  expect(refused).toMatchObject({
    status: 503,
    json: { error: { code: 'OVERLOADED', retryAfterMs: 1_000 } },
  });
  expect(refused.headers['retry-after']).toBe('1');
  expect(hard.status().totals.refused).toBe(1);

  const stopped = hard.stop();
  const late = await classify('image/png', png);
  expect(late).toMatchObject({ status: 503, json: { error: { code: 'STOPPING' } } });
  expect(Number(late.headers['retry-after'])).toBeGreaterThan(0);
  expect((await call(hard.httpAddress ?? '', 'GET', '/readyz')).status).toBe(503);
  expect((await call(hard.httpAddress ?? '', 'GET', '/healthz')).status).toBe(200);

  for (const reply of await Promise.all(stuck)) {
    expect(reply).toMatchObject({ status: 200, json: { degraded: true, offloaded: true } });
  }
  await stopped;
  worker.stop();
  expect(hard.answers.length).toBe(2);
});
