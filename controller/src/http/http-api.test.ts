import { readFile, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { connectBus, v1, workerSubject } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { sha256Hex } from '@offramp/runtime';
import { temporaryFolder } from '@offramp/runtime/testing';
import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Controller } from '../controller.js';
import { publishReport, runController } from '../testing/running-controller.js';
import type { SampleReport } from '../testing/sample-report.js';

const exampleBundle = fileURLToPath(new URL('../../../examples/fashion-mnist/bundle', import.meta.url));
const eventually = { timeout: 60_000, interval: 20 };
const withCode = (code: string) => expect.objectContaining({ code });
const token = 'correct-horse-battery-staple';
const evidence = [
  {
    ...{ policyVersion: 0, samples: 10, left: [6, 3, 1], auditsChosen: 2, audited: 1, auditedFinal: 1 },
    confidence: [
      { firstBin: 30, counts: [10] },
      { firstBin: 31, counts: [4] },
    ],
    audits: [{ agreed: { firstBin: 30, counts: [1] } }, {}],
  },
];

let cleanUps: (() => Promise<unknown>)[] = [];
let nats: NatsServer;
let bus: NatsConnection;

beforeEach(async () => {
  nats = await startNatsServer();
  cleanUps = [() => nats.stop()];
  bus = await connectBus({ url: nats.url, name: 'test' });
  cleanUps.push(() => bus.close());
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

async function start(flags: Record<string, unknown> = {}): Promise<Controller> {
  const controller = await runController({ nats: nats.url, listen: '127.0.0.1:0', ...flags });
  cleanUps.push(() => controller.stop());
  return controller;
}

const publish = (sample: SampleReport) => publishReport(bus, sample);

type Method = 'GET' | 'PUT' | 'POST';

/** A client of the API that checks every answer against the API's own description. */
class CheckedClient {
  readonly asked = new Set<string>();

  private constructor(
    private readonly address: string,
    private readonly description: Description,
    private readonly ajv: Ajv2020,
  ) {}

  static async of({ httpAddress }: Controller): Promise<CheckedClient> {
    const description = (await (await fetch(`${httpAddress}/openapi.json`)).json()) as Description;
    const ajv = new Ajv2020({ strict: false, formats: { 'date-time': isInstant } });
    ajv.addSchema({ $id: 'openapi', ...description } as AnySchemaObject);
    return new CheckedClient(httpAddress ?? '', description, ajv);
  }

  get operations(): string[] {
    return Object.entries(this.description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
  }

  async ask(method: Method, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.address}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const answer: unknown = await response.json();
    this.check(method, path.split('?')[0] ?? '', response.status, answer);
    return { status: response.status, body: answer };
  }

  private check(method: Method, path: string, status: number, answer: unknown): void {
    const described = Object.keys(this.description.paths).find((candidate) =>
      new RegExp(`^${candidate.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
    );
    if (described === undefined) throw new Error(`${path} is not described`);
    this.asked.add(`${method.toLowerCase()} ${described}`);
    const pointer = [described, method.toLowerCase(), 'responses', String(status)]
      .map((part) => encodeURIComponent(part.replaceAll('/', '~1')))
      .join('/');
    const validate = this.ajv.getSchema(
      `openapi#/paths/${pointer}/content/${encodeURIComponent('application~1json')}/schema`,
    );
    if (!validate) throw new Error(`${method} ${path}: status ${status} is not described`);
    expect(validate(answer), JSON.stringify([path, answer, validate.errors])).toBe(true);
  }
}

interface Description {
  openapi: string;
  paths: Record<string, Record<string, unknown>>;
}

const isInstant = (value: string) => new Date(value).toISOString() === value;

describe('the API', () => {
  it('gives every answer as described', async () => {
    const client = await CheckedClient.of(await start());
    const devices = async () => (await client.ask('GET', '/v1/devices')).body;
    expect(await devices()).toEqual({ devices: [], next: null });
    await publish({ evidence, latenciesMs: [5, 6, 7] });
    await publish({ device: 'cam-2', lifecycle: 3 });
    await publish({ group: 'doors', device: 'door-1' });
    await expect
      .poll(devices, eventually)
      .toMatchObject({ devices: [{ device: 'cam-1' }, { standing: 'offline' }, { group: 'doors' }] });

    const goals = [{ kind: 'agreement', floor: 0.98 }];
    expect(await client.ask('GET', '/v1/groups/cameras/goals')).toMatchObject({ body: { revision: 0 } });
    const set = await client.ask('PUT', '/v1/groups/cameras/goals', {
      goals,
      author: 'ada',
      reason: 'start',
    });
    expect(set).toMatchObject({ status: 200, body: { goals, author: 'ada', revision: expect.any(Number) } });
    const frozen = await client.ask('PUT', '/v1/groups/cameras/mode', { mode: 'frozen' });
    expect(frozen).toMatchObject({ status: 200, body: { goals, mode: 'frozen' } });

    const pin = (thresholds: number[], more: object = {}) =>
      client.ask('POST', '/v1/groups/cameras/policies', { thresholds, author: 'ada', ...more });
    const first = { requestId: 'first-try' };
    const pinned = await pin([0.9], first);
    expect(pinned).toMatchObject({ body: { policies: [{ version: 1, thresholds: [0.9, 0.9], ...first }] } });
    expect(await pin([0.9], first)).toEqual(pinned);
    expect(await pin([0.8, 0.7], { expectedVersion: 1 })).toMatchObject({
      body: { policies: [{ version: 2, changes: [{ before: '0.9', after: '0.8' }, { after: '0.7' }] }, {}] },
    });
    expect(await pin([0.5], { expectedVersion: 1 })).toMatchObject({
      status: 409,
      body: { error: { code: 'POLICY_CONFLICT' } },
    });
    const back = await client.ask('POST', '/v1/groups/cameras/rollback', { version: 1, author: 'bob' });
    expect(back).toMatchObject({
      status: 200,
      body: {
        policies: [{ version: 3, thresholds: [0.9, 0.9], author: 'bob' }, { version: 2 }, { version: 1 }],
      },
    });
    expect(await client.ask('GET', '/v1/groups/cameras/policies')).toEqual(back);

    const group = { group: 'cameras', devices: 2, online: 1, status: { policyVersion: 3 }, goals: { goals } };
    expect(await client.ask('GET', '/v1/groups/cameras')).toMatchObject({ status: 200, body: group });
    expect(await client.ask('GET', '/v1/groups?limit=1')).toMatchObject({
      body: { groups: [group], next: 'cameras' },
    });
    expect(await client.ask('GET', '/v1/groups?after=cameras')).toMatchObject({
      body: { groups: [{ group: 'doors', devices: 1 }], next: null },
    });
    expect(await client.ask('GET', '/v1/groups/cameras/devices/cam-1')).toMatchObject({
      body: {
        device: { standing: 'behind', lifecycle: 'running', cloudLink: 'connected', total: { samples: 10 } },
        evidence: { bundles: [{ policies: [{ samples: 10 }] }] },
      },
    });
    expect(await client.ask('GET', '/v1/groups/cameras/evidence')).toMatchObject({
      body: { bundles: [{ policies: [{ latency: { samples: 3 } }] }] },
    });
    await client.ask('GET', '/v1/groups/cameras/devices/cam-1/evidence');
    expect(await client.ask('GET', '/v1/groups/cameras/devices/nobody')).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND' } },
    });

    const report = {
      worker: 'gpu-1',
      bootId: 'a',
      sequence: 1,
      windowMs: 2_000,
      threads: 4,
      utilisation: 0.5,
    };
    const workers = () => {
      bus.publish(workerSubject('gpu-1'), v1.WorkerReport.encode(report).finish());
      return client.ask('GET', '/v1/workers');
    };
    await expect.poll(workers, eventually).toMatchObject({ body: { workers: [{ worker: 'gpu-1' }] } });
    await expect
      .poll(() => client.ask('GET', '/v1/leader'), eventually)
      .toMatchObject({ body: { leader: { instance: expect.any(String) } } });
    await expect
      .poll(() => client.ask('GET', '/v1/events?group=cameras'), eventually)
      .toMatchObject({
        body: { events: expect.arrayContaining([expect.objectContaining({ kind: 'goals-set' })]) },
      });
    expect(await client.ask('GET', '/healthz')).toEqual({ status: 200, body: { status: 'ok' } });
    expect(await client.ask('GET', '/readyz')).toEqual({ status: 200, body: { status: 'ready' } });
    const [manifest, calibration] = await Promise.all(
      ['manifest.json', 'calibration.json'].map((name) => readFile(join(exampleBundle, name), 'utf8')),
    );
    expect(await client.ask('POST', '/v1/bundles', { manifest, calibration })).toMatchObject({
      status: 200,
      body: { digest: sha256Hex(Buffer.from(manifest ?? '')), samples: expect.any(Number) },
    });
    const changed = `${calibration} `;
    expect(await client.ask('POST', '/v1/bundles', { manifest, calibration: changed })).toMatchObject({
      status: 400,
      body: { error: { code: 'REQUEST_INVALID' } },
    });
    // Every described operation was tested.
    expect([...client.asked, 'get /v1/stream'].sort()).toEqual(client.operations.sort());
  });

  it('pages through devices', async () => {
    const client = await CheckedClient.of(await start());
    for (const device of ['a', 'b', 'c', 'd', 'e']) await publish({ device });
    const page = async (after: string) =>
      (await client.ask('GET', `/v1/devices?group=cameras&limit=2&after=${encodeURIComponent(after)}`))
        .body as {
        devices: { device: string }[];
        next: string | null;
      };
    await expect.poll(async () => (await page('cameras d')).devices.length, eventually).toBe(1);
    const found: string[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const { devices, next: following } = await page(next);
      found.push(...devices.map(({ device }) => device));
      next = following;
    }
    expect(found).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it.each([
    ['PUT', '/v1/groups/cameras/goals', {}, 'body.goals: expected a list of goals; found nothing'],
    [
      ...['PUT', '/v1/groups/cameras/goals', { goals: [{ kind: 'luck' }] }],
      'body.goals.0.kind: expected a kind, one of agreement, offload, cloudSeconds, latency; found "luck"',
    ],
    [
      ...['PUT', '/v1/groups/cameras/goals', { goals: [{ kind: 'agreement', floor: 98 }] }],
      'body.goals.0.floor: expected a share in (0, 1), such as 0.98; found 98',
    ],
    [
      'PUT',
      '/v1/groups/cameras/goals',
      { goals: [0.1, 0.2].map((ceiling) => ({ kind: 'offload', ceiling })) },
      'body.goals: expected one goal of each kind; found two of offload',
    ],
    ['PUT', '/v1/groups/cameras/goals', { goals: [], author: 'x'.repeat(101) }, 'body.author'],
    ['PUT', '/v1/groups/cameras/goals', { goals: [], floor: 1 }, 'floor'],
    ['PUT', '/v1/groups/cameras/mode', { mode: 'off' }, 'body.mode'],
    ['POST', '/v1/groups/cameras/policies', { thresholds: [-1] }, 'body.thresholds.0'],
    ['POST', '/v1/groups/cameras/policies', { author: 'ada' }, 'expected thresholds, auditRate or'],
    ['POST', '/v1/groups/cameras/rollback', { version: 0 }, 'body.version'],
    ['GET', '/v1/devices?limit=0', undefined, 'query.limit'],
    ['GET', '/v1/events?before=x', undefined, 'query.before'],
    ['GET', '/v1/events?limt=1', undefined, 'query: expected group, limit, before; found limt'],
    ['GET', '/v1/groups?limt=1', undefined, 'limt'],
    ['GET', '/v1/devices?grup=cameras', undefined, 'grup'],
    ['GET', '/v1/workers?limit=1', undefined, 'query: expected nothing; found limit'],
    ['GET', '/v1/stream?group=cameras', undefined, 'group'],
    ['GET', '/v1/groups/no%20group', undefined, 'path.group: expected 1 to 64 letters'],
  ] as const)('refuses %s %s %j', async (method, path, body, message) => {
    const client = await CheckedClient.of(await start());
    expect(await client.ask(method, path, body)).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining(message) } },
    });
  });

  it('knows a group once it has devices, goals or a policy', async () => {
    const client = await CheckedClient.of(await start());
    const statuses = async (group: string) =>
      Promise.all(
        ['', '/goals', '/policies'].map(
          async (what) => (await client.ask('GET', `/v1/groups/${group}${what}`)).status,
        ),
      );
    expect(await client.ask('GET', '/v1/groups/camras')).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND', message: expect.stringContaining('camras') } },
    });
    for (const group of ['wanted', 'frozen', 'thresholds', 'devices']) {
      expect([group, await statuses(group)]).toEqual([group, [404, 404, 404]]);
    }
    await client.ask('PUT', '/v1/groups/wanted/goals', { goals: [{ kind: 'agreement', floor: 0.98 }] });
    await client.ask('PUT', '/v1/groups/frozen/mode', { mode: 'frozen' });
    await client.ask('POST', '/v1/groups/thresholds/policies', { thresholds: [0.9, 0.9] });
    await publish({ group: 'devices' });
    for (const group of ['wanted', 'frozen', 'thresholds', 'devices']) {
      await expect.poll(() => statuses(group), eventually).toEqual([200, 200, 200]);
    }
    await client.ask('PUT', '/v1/groups/wanted/goals', { goals: [] });
    expect(await statuses('wanted')).toEqual([404, 404, 404]);
  });

  it('accepts only JSON, up to a limit', async () => {
    const { httpAddress } = await start();
    const put = async (contentType: string, body: string) => {
      const headers = { 'content-type': contentType };
      return (await fetch(`${httpAddress}/v1/groups/g/goals`, { method: 'PUT', headers, body })).status;
    };
    expect(await put('text/plain', '{"goals": []}')).toBe(415);
    expect(await put('application/json', '{"goals": ')).toBe(400);
    expect(await put('application/json', `{"goals": "${'x'.repeat(70_000)}"}`)).toBe(413);
    expect(await put('application/json', '{"goals": []}')).toBe(200);
  });
});

describe('access', () => {
  it('requires the token if there is one, except for health, metrics and the page', async () => {
    const file = join(await temporaryFolder(), 'token');
    await writeFile(file, `${token}\n`);
    const { httpAddress } = await start({ tokenFile: file });
    const get = async (path: string, authorization?: string) => {
      const response = await fetch(`${httpAddress}${path}`, {
        headers: authorization ? { authorization } : {},
      });
      await response.body?.cancel();
      return response.status;
    };
    for (const path of [
      '/v1/groups',
      '/v1/stream',
      '/v1/groups/cameras/evidence',
      '/v1/groups/g/devices/d',
    ]) {
      expect([path, await get(path), await get(path, `Bearer ${token}x`)]).toEqual([path, 401, 401]);
    }
    expect(await get('/v1/groups', `Bearer ${token}`)).toBe(200);
    expect(await get('/v1/stream', `Bearer ${token}`)).toBe(200);
    for (const path of [
      '/healthz',
      '/readyz',
      '/metrics',
      '/openapi.json',
      '/',
      '/dashboard.js',
      '/icon.svg',
    ]) {
      expect([path, await get(path)]).toEqual([path, 200]);
    }
  });

  it('is not served to other machines without a token', async () => {
    await expect(start({ listen: '0.0.0.0:0' })).rejects.toEqual(withCode('CONFIG_INVALID'));
    await expect(start({ listen: '0.0.0.0:0' })).rejects.toThrow('expected a token');
    await expect(start({ tokenFile: '/does/not/exist' })).rejects.toEqual(withCode('FILE_NOT_FOUND'));
  });

  it('is not served to a page by DNS rebinding', async () => {
    const { httpAddress } = await start();
    const { port } = new URL(httpAddress ?? '');
    const statusWith = (host: string) =>
      new Promise((resolve, reject) => {
        httpRequest({ port, path: '/v1/groups', headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .once('error', reject)
          .end();
      });
    expect(await statusWith(`evil.example:${port}`)).toBe(401);
    expect(await statusWith(`localhost:${port}`)).toBe(200);
  });

  it('lets a browser load resources of its own origin only', async () => {
    const { httpAddress } = await start();
    const { headers } = await fetch(`${httpAddress}/`);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
    const etag = headers.get('etag') ?? '';
    expect((await fetch(`${httpAddress}/`, { headers: { 'if-none-match': etag } })).status).toBe(304);
  });

  it('takes over a Unix socket left by a dead process, and no other', async () => {
    const path = join(await temporaryFolder(), 'api.sock');
    const dead = createServer().listen(path);
    await expect(start({ listen: `unix:${path}` })).rejects.toEqual(withCode('PORT_IN_USE'));
    // A killed process does not remove its socket. To simulate this, the socket is moved away during the close.
    const { rename } = await import('node:fs/promises');
    await rename(path, `${path}.kept`);
    await new Promise((resolve) => dead.close(resolve));
    await rename(`${path}.kept`, path);
    const { httpAddress } = await start({ listen: `unix:${path}` });
    expect(httpAddress).toBe(`unix:${path}`);
    const answer = await new Promise<string>((resolve, reject) => {
      httpRequest({ socketPath: path, path: '/v1/groups' }, (response) => resolve(text(response)))
        .once('error', reject)
        .end();
    });
    expect(JSON.parse(answer)).toEqual({ groups: [], next: null });
  });
});

/** Reads a stream incrementally. */
async function openStream(address: string | null, headers: Record<string, string> = {}) {
  const abort = new AbortController();
  const response = await fetch(`${address}/v1/stream`, { headers, signal: abort.signal });
  cleanUps.push(async () => abort.abort());
  const messages: { id: number | null; event: string; data: unknown }[] = [];
  const read = async () => {
    let rest = '';
    for await (const piece of response.body ?? []) {
      const parts = (rest + Buffer.from(piece).toString()).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1];
        const event = field('event');
        if (event === undefined) continue;
        const id = field('id');
        messages.push({
          event,
          id: id === undefined ? null : Number(id),
          data: JSON.parse(field('data') ?? ''),
        });
      }
    }
  };
  const ended = read().catch(() => undefined);
  return { status: response.status, messages, ended, close: () => abort.abort() };
}

describe('the stream', () => {
  const put = (address: string | null, group: string, floor: number) =>
    fetch(`${address}/v1/groups/${group}/goals`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ goals: [{ kind: 'agreement', floor }] }),
    });

  it('sends the state of the fleet, and then its changes', async () => {
    const { httpAddress } = await start();
    await publish({ exits: [1, 1, 1] });
    const { messages } = await openStream(httpAddress);
    const newest = (event: string) => messages.findLast((message) => message.event === event)?.data;
    await expect.poll(() => newest('standings'), eventually).toEqual({ group: 'cameras', standings: 'o' });
    expect(messages[0]).toMatchObject({ event: 'hello' });
    expect(newest('names')).toEqual({ group: 'cameras', devices: ['cam-1'] });
    expect(newest('group')).toMatchObject({ group: 'cameras', activity: { samples: 3, bytesSaved: 1_800 } });
    expect(newest('controller')).toMatchObject({ connected: true });
    await publish({ sequence: 2, exits: [5, 0, 0] });
    await publish({ device: 'cam-0', lifecycle: 3 });
    await expect.poll(() => newest('standings'), eventually).toEqual({ group: 'cameras', standings: 'xo' });
    await expect
      .poll(() => newest('group'), eventually)
      .toMatchObject({ activity: { samples: 18 }, devices: 2 });
  });

  it('sends events as they occur, and missed ones', async () => {
    const { httpAddress } = await start();
    const first = await openStream(httpAddress);
    const events = (stream: typeof first) => stream.messages.filter(({ event }) => event === 'event');
    await put(httpAddress, 'cameras', 0.98);
    await expect.poll(() => events(first).length, eventually).toBeGreaterThan(0);
    const last = events(first).at(-1)?.id ?? 0;
    first.close();
    await put(httpAddress, 'doors', 0.98);
    const goalsOfDoors = { event: 'event', data: { group: 'doors', kind: 'goals-set' } };
    const second = await openStream(httpAddress, { 'last-event-id': String(last) });
    await expect
      .poll(() => events(second), eventually)
      .toContainEqual(expect.objectContaining({ event: 'event' }));
    await expect.poll(() => events(second).length, eventually).toBeGreaterThan(0);
    expect(events(second).every(({ id }) => (id ?? 0) > last)).toBe(true);
    expect(events(second)[0]).toMatchObject(goalsOfDoors);
    expect((await openStream(httpAddress, { 'last-event-id': 'x' })).status).toBe(400);
  });

  it('refuses a reader beyond the limit as overloaded', async () => {
    const controller = await start();
    const client = await CheckedClient.of(controller);
    const readers = await Promise.all(Array.from({ length: 64 }, () => openStream(controller.httpAddress)));
    expect(readers.map(({ status }) => status)).toEqual(readers.map(() => 200));
    expect(await client.ask('GET', '/v1/stream')).toMatchObject({
      status: 503,
      body: { error: { code: 'OVERLOADED', retryAfterMs: 10_000 } },
    });
    readers[0]?.close();
    await expect.poll(async () => (await openStream(controller.httpAddress)).status, eventually).toBe(200);
  });

  it('reports that NATS is away, and continues when it is back', async () => {
    const { httpAddress } = await start();
    await publish({});
    const { messages } = await openStream(httpAddress);
    const connected = () =>
      (messages.findLast(({ event }) => event === 'controller')?.data as { connected: boolean } | undefined)
        ?.connected;
    await expect.poll(connected, eventually).toBe(true);
    await nats.stop();
    await expect.poll(connected, eventually).toBe(false);
    const back = await startNatsServer({ port: nats.port });
    cleanUps.push(() => back.stop());
    await expect.poll(connected, eventually).toBe(true);
  });

  it('ends with the controller', async () => {
    const controller = await start();
    const { ended } = await openStream(controller.httpAddress);
    await controller.stop();
    await ended;
  });
});
