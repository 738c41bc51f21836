import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { httpErrorOf } from '@offramp/runtime';
import { ManualClock } from '@offramp/runtime/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BodyBudget } from './body-budget.js';
import { type Body, readBody } from './read-body.js';
import { RefusedBodies } from './refused-bodies.js';

const maxBodyBytes = 1_000_000;
const budgetBytes = 32 * 2 ** 20;
const eventually = { timeout: 30_000, interval: 5 };

let clock: ManualClock;
let budget: BodyBudget;
let refused: RefusedBodies;
let server: Server;
let bodies: Body[];
let requests: IncomingMessage[];

beforeEach(async () => {
  clock = new ManualClock();
  budget = new BodyBudget(maxBodyBytes);
  refused = new RefusedBodies(clock);
  bodies = [];
  requests = [];
  server = createServer((incoming, response) => {
    requests.push(incoming);
    readBody(incoming, maxBodyBytes, budget, refused).then(
      (body) => {
        bodies.push(body);
        response.end(String(body.bytes.byteLength));
      },
      (error: unknown) => response.writeHead(httpErrorOf(error).status).end(),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function start(headers: Record<string, string> = {}, agent?: Agent) {
  const { port } = server.address() as AddressInfo;
  return request({ port, host: '127.0.0.1', method: 'POST', headers, agent });
}

async function send(bytes: number, headers = { 'content-length': String(bytes) }) {
  const outgoing = start(headers);
  outgoing.end(Buffer.alloc(bytes));
  const [response] = await once(outgoing, 'response');
  return { status: response.statusCode, text: await text(response) };
}

/** The free bytes of the budget, found by trying. */
function freeBytes(): number {
  let [low, high] = [0, budgetBytes];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    try {
      budget.check(middle);
      low = middle;
    } catch {
      high = middle - 1;
    }
  }
  return low;
}

describe('readBody', () => {
  it('returns the whole body, which counts until it is released', async () => {
    expect(await send(500_000)).toEqual({ status: 200, text: '500000' });
    expect(freeBytes()).toBe(budgetBytes - 500_000);
    bodies[0]?.release();
    bodies[0]?.release();
    expect(freeBytes()).toBe(budgetBytes);
  });

  it.each([
    ['says so', { 'content-length': String(maxBodyBytes + 1) }],
    ['does not announce its size', { 'transfer-encoding': 'chunked' }],
  ])('refuses a body that is too large and %s, and keeps nothing of it', async (_, headers) => {
    expect(await send(maxBodyBytes + 1, headers as never)).toMatchObject({ status: 413 });
    expect(freeBytes()).toBe(budgetBytes);
  });

  it.each([
    ['says so', { 'content-length': '1000' }],
    ['does not announce its size', { 'transfer-encoding': 'chunked' }],
  ])('refuses a body that does not fit beside others and %s', async (_, headers) => {
    const others = budget.open();
    others.add(budgetBytes - 999);
    expect(await send(1_000, headers as never)).toMatchObject({ status: 503 });
    expect(freeBytes()).toBe(999);
    expect(await send(999)).toMatchObject({ status: 200 });
    others.release();
    expect(await send(1_000, headers as never)).toMatchObject({ status: 200 });
  });

  it('counts bytes that have arrived, until the client disconnects', async () => {
    const outgoing = start({ 'content-length': '900000' });
    outgoing.on('error', () => undefined).write(Buffer.alloc(100));
    await vi.waitFor(() => expect(freeBytes()).toBe(budgetBytes - 100));
    outgoing.destroy();
    await vi.waitFor(() => expect(freeBytes()).toBe(budgetBytes));
  });

  it('reads the rest of a refused body slowly, and serves the next request on the same connection', async () => {
    const others = budget.open();
    others.add(budgetBytes);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const outgoing = start({ 'content-length': '900000' }, agent);
    const sent = once(outgoing.end(Buffer.alloc(900_000)), 'finish');
    const [refusal] = await once(outgoing, 'response');
    expect(refusal.statusCode).toBe(503);
    await text(refusal);
    const [incoming] = requests;
    expect(incoming?.complete).toBe(false);
    await vi.waitFor(() => {
      clock.advance(100);
      expect(incoming?.destroyed).toBe(true);
    }, eventually);
    await sent;
    expect(clock.pending).toBe(0);
    others.release();
    const next = start({}, agent);
    next.end('next');
    const [answered] = await once(next, 'response');
    expect(await text(answered)).toBe('4');
    expect(answered.socket).toBe(refusal.socket);
    agent.destroy();
  });

  it('closes the connection of a refused body that still arrives, at a stop', async () => {
    const outgoing = start({ 'content-length': '900000000' });
    outgoing.on('error', () => undefined).write(Buffer.alloc(900_000));
    const [refusal] = await once(outgoing, 'response');
    expect(refusal.statusCode).toBe(413);
    const closed = new Promise((resolve) => server.close(resolve));
    refused.abandon();
    await closed;
    await vi.waitFor(() => expect(clock.pending).toBe(0), eventually);
  });

  it('reads no more of a refused body when its client is gone', async () => {
    const outgoing = start({ 'content-length': '900000000' });
    outgoing.on('error', () => undefined).write(Buffer.alloc(900_000));
    await once(outgoing, 'response');
    expect(clock.pending).toBe(1);
    outgoing.destroy();
    await vi.waitFor(() => expect(clock.pending).toBe(0), eventually);
  });
});
