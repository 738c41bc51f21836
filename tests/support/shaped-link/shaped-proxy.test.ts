import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { ManualClock } from '@offramp/runtime/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ShapedProxy, type ShapedProxyOptions } from './shaped-proxy.js';

const quick = { delayMs: 1, bytesPerSecond: 50_000_000 };

let server: Server;
let proxy: ShapedProxy;
const accepted: Socket[] = [];

/** Sends back what it gets. */
beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  await proxy.close();
  for (const socket of accepted.splice(0)) socket.destroy();
  server.close();
});

async function start(options: Partial<ShapedProxyOptions> = {}): Promise<ShapedProxy> {
  const { port } = server.address() as AddressInfo;
  proxy = await ShapedProxy.start({
    target: { host: '127.0.0.1', port },
    up: quick,
    down: quick,
    ...options,
  });
  return proxy;
}

async function dial(): Promise<Socket> {
  const [host = '', port = ''] = proxy.address.split(':');
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', () => resolve());
  });
  return socket;
}

/** An error, which is how a lost connection may end, is no failure here. */
const closed = (socket: Socket) =>
  socket.closed ? Promise.resolve() : new Promise<void>((resolve) => socket.once('close', () => resolve()));

/** Writes all, ends, and reads until the other side ends. */
async function exchange(bytes: Buffer): Promise<Buffer> {
  const socket = await dial();
  const back: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => back.push(chunk));
  socket.end(bytes);
  await once(socket, 'end');
  return Buffer.concat(back);
}

const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

test.each([0, 1, 1_448, 1_449, 3_000_000])('%d bytes come back as they were sent', async (size) => {
  await start();
  const bytes = randomBytes(size);
  const back = await exchange(bytes);
  expect(back.length).toBe(size);
  expect(hash(back)).toBe(hash(bytes));
  expect(proxy.transferred).toEqual({ up: size, down: size });
});

test('several connections share the link and keep their bytes apart', async () => {
  await start();
  const sent = Array.from({ length: 5 }, (_, i) => randomBytes(50_000 + i));
  const back = await Promise.all(sent.map(exchange));
  expect(back.map(hash)).toEqual(sent.map(hash));
});

test('nothing arrives before its time, and all of it then', async () => {
  const clock = new ManualClock();
  const still = { delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };
  await start({ up: { delayMs: 30, bytesPerSecond: 1_000_000 }, down: still, clock });
  const socket = await dial();
  let back = 0;
  socket.on('data', (chunk: Buffer) => {
    back += chunk.length;
  });
  socket.write(randomBytes(1_000));
  await vi.waitFor(() => expect(clock.pending).toBe(1));
  clock.advance(30.9);
  expect(proxy.transferred.up).toBe(0);
  clock.advance(0.1);
  expect(proxy.transferred.up).toBe(1_000);
  await vi.waitFor(() => {
    clock.advance(0);
    expect(back).toBe(1_000);
  });
  socket.destroy();
});

test('a cut loses every connection and refuses new ones, until the link is restored', async () => {
  await start();
  const socket = await dial();
  await vi.waitFor(() => expect(proxy.connections).toBe(1));
  const lost = closed(socket);
  proxy.cut();
  await lost;
  await vi.waitFor(() => expect(proxy.connections).toBe(0));
  const refused = await dial();
  refused.resume();
  await closed(refused);
  proxy.restore();
  expect((await exchange(Buffer.from('again'))).toString()).toBe('again');
});

test('a target that is not there ends the connection', async () => {
  await start();
  server.close();
  for (const socket of accepted.splice(0)) socket.destroy();
  const socket = await dial();
  socket.resume();
  await closed(socket);
  expect(proxy.connections).toBe(0);
});
