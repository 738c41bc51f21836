import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent as HttpAgent, type IncomingHttpHeaders, request } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bundle } from '@offramp/bundle';
import { openDataset } from '@offramp/data';
import { createLogger } from '@offramp/runtime';
import sharp from 'sharp';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { AgentConfig } from './config.js';
import {
  exampleBundleDirectory,
  exampleData,
  exampleInputs,
  type Reference,
  referenceAnswers,
} from './testing/example.js';
import { neverAnswer, startScriptedWorker } from './testing/scripted-worker.js';
import { idsOf, numbersTo, startTestAgent, type TestAgent } from './testing/test-agent.js';

const tensorType = 'application/x-offramp-tensor';
const soon = { timeout: 60_000, interval: 5 };

let bundle: Bundle;
/** A picture that passes the first exit: the cascade's answer, and the picture in two forms. */
let reference: Reference;
let png: Buffer;
let tensor: Buffer;
let allStages: number;
beforeAll(async () => {
  bundle = await Bundle.open(exampleBundleDirectory);
  allStages = bundle.branches + 1;
  const references = await referenceAnswers(bundle, bundle.manifest.policy.thresholds, 100);
  const index = references.findIndex(({ outcome }) => outcome.exit > 0);
  if (index < 0) throw new Error('expected a picture that passes the first exit');
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
  host?: string,
): Promise<Reply> {
  const target = address.startsWith('unix:')
    ? { socketPath: address.slice('unix:'.length) }
    : { host: new URL(address).hostname, port: new URL(address).port };
  const headers = { ...(type && { 'content-type': type }), ...(host && { host }) };
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
])('%s gets the answer of the cascade, in the response and in the output', async (_, type, body) => {
  await serve();
  const { status, json } = await classify(type, body());
  expect(status).toBe(200);
  expect(json).toMatchObject({ exit: reference.outcome.exit, labelIndex: reference.outcome.label, id: 1 });
  await vi.waitFor(() => expect(agent?.answers).toEqual([json]), soon);
});

test('listens on a Unix socket, and removes its file at the end', async () => {
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

test('takes over the socket file of a dead process, but no other file', async () => {
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

test('a port in use has its own error code', async () => {
  await serve();
  const port = new URL(agent?.httpAddress ?? '').port;
  await expect(startTestAgent({ listen: `127.0.0.1:${port}` })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
  });
});

test.each([
  ['bytes that are not a picture', 'image/png', () => Buffer.from('no picture'), 400, 'IMAGE_INVALID'],
  ['a truncated picture', 'image/png', () => png.subarray(0, 60), 400, 'IMAGE_INVALID'],
  ['a tensor of the wrong length', tensorType, () => tensor.subarray(4), 400, 'TENSOR_INVALID'],
  ['a tensor that is not finite', tensorType, () => Buffer.alloc(tensor.length, 0xff), 400, 'TENSOR_INVALID'],
  ['an empty body', 'image/png', () => Buffer.alloc(0), 400, 'REQUEST_INVALID'],
  ['a body that is too large', 'image/png', () => Buffer.alloc(20_001), 413, 'REQUEST_INVALID'],
  ['an unsupported type', 'text/plain', () => Buffer.from('hello'), 415, 'REQUEST_INVALID'],
  ['JSON', 'application/json', () => Buffer.from('{}'), 415, 'REQUEST_INVALID'],
])('%s is refused, and the next request is served', async (_, type, body, status, code) => {
  await serve({ maxBodyBytes: 20_000, maxInFlight: 1 });
  const refused = await classify(type, body());
  expect(refused).toMatchObject({ status, json: { error: { code, message: expect.any(String) } } });
  if (status === 415) expect(refused.json.error?.message).toContain(tensorType);
  await vi.waitFor(async () => expect((await classify('image/png', png)).status).toBe(200), soon);
});

test('an unreadable picture is a failed sample with one answer, and is counted', async () => {
  await serve();
  const { json } = await classify('image/png', Buffer.from('no picture'));
  await vi.waitFor(() => expect(agent?.answers).toEqual([json]), soon);
  expect(agent?.status().totals).toMatchObject({ samples: 0, failed: 1 });
});

test('unknown paths get an error in JSON', async () => {
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

test('a request with a foreign Host is refused, and takes no place', async () => {
  const { httpAddress } = await serve({ maxInFlight: 1, allowedHosts: ['camera.local'] });
  const address = httpAddress ?? '';
  const { port } = new URL(address);
  const ask = (host: string) => call(address, 'POST', '/v1/classify', 'image/png', png, host);
  for (const host of [`evil.example:${port}`, '127.0.0.1.evil.example', '10.0.0.1']) {
    expect(await ask(host)).toMatchObject({
      status: 401,
      json: {
        error: {
          code: 'UNAUTHORIZED',
          message: expect.stringContaining(`found "${host}"`),
          hint: '--allowed-hosts allows further names.',
        },
      },
    });
    expect((await call(address, 'GET', '/v1/status', undefined, undefined, host)).status).toBe(401);
    expect((await call(address, 'GET', '/healthz', undefined, undefined, host)).status).toBe(200);
  }
  expect(agent?.status()).toMatchObject({ inFlight: 0, totals: { samples: 0, failed: 0 } });
  for (const host of [`localhost:${port}`, 'camera.local']) expect((await ask(host)).status).toBe(200);
});

test('an agent that other machines can reach logs a warning', async () => {
  const logger = createLogger('test', 'silent');
  const warn = vi.spyOn(logger, 'warn');
  const exposed = 'the HTTP API asks for no token, and other machines may reach it';
  for (const listen of ['127.0.0.1:0', '0.0.0.0:0']) {
    agent = await startTestAgent({ listen, deviceStages: allStages }, undefined, logger);
    expect(warn.mock.calls.map(([, message]) => message)).toEqual(listen.startsWith('0') ? [exposed] : []);
    await agent.stop();
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

test('a full or stopping agent refuses at once and says when to retry', async () => {
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

/** Requests that have sent their head and one byte of the body, until `destroy`. */
async function startBodies(address: string, count: number) {
  const { hostname: host, port } = new URL(address);
  const head = ['POST /v1/classify HTTP/1.1', 'host: localhost', 'content-type: image/png'];
  const begun = `${[...head, 'content-length: 1000'].join('\r\n')}\r\n\r\nx`;
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connectSocket(Number(port), host).on('error', () => undefined);
      await new Promise<void>((resolve) => socket.write(begun, () => resolve()));
      return socket;
    }),
  );
  return { destroy: () => sockets.map((socket) => socket.destroy()) };
}

test('slow bodies hold no places: the source continues, and other requests are answered', async () => {
  const running = await serve({ source: exampleData, loop: true, maxInFlight: 4 });
  const slow = await startBodies(running.httpAddress ?? '', 64);
  const before = running.status().totals.samples;
  for (let i = 0; i < 5; i++) expect((await classify('image/png', png)).status).toBe(200);
  await vi.waitFor(() => expect(running.status().totals.samples).toBeGreaterThan(before + 100), soon);
  expect(running.status().totals).toMatchObject({ refused: 0, failed: 0 });
  slow.destroy();
});

test('a stop during many large pictures writes one line for each accepted one, in time', async () => {
  const large = await sharp({ create: { width: 4_000, height: 3_000, channels: 3, background: '#456' } })
    .jpeg()
    .toBuffer();
  const drainMs = 300;
  const running = await serve({ source: exampleData, loop: true, drainMs });
  const requests = Array.from({ length: 64 }, () => classify('image/jpeg', large).catch(() => null));
  await vi.waitFor(() => expect(running.answers.some(isHttp)).toBe(true), { timeout: 20_000 });
  const startedAt = performance.now();
  await running.stop();
  // The limit is 2 s beyond the drain, but the machine may be busy.
  expect(performance.now() - startedAt).toBeLessThan(drainMs + 5_000);
  expect(idsOf(running.answers)).toEqual(numbersTo(running.answers.length));
  const { samples, failed } = running.status().totals;
  expect(samples + failed).toBe(running.answers.length);
  const replies = (await Promise.all(requests)).filter((reply) => reply !== null);
  const taken = replies.filter(({ json }) => json.id !== undefined);
  expect(taken.length).toBeGreaterThan(0);
  expect(running.answers.filter(isHttp)).toEqual(expect.arrayContaining(taken.map(({ json }) => json)));
  for (const { status, json } of replies) {
    if (status !== 200) expect(['OVERLOADED', 'STOPPING']).toContain(json.error?.code);
  }
});

const isHttp = ({ sample }: { sample: string }) => sample.startsWith('http:');
