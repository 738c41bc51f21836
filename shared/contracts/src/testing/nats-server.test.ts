import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connectBus } from '../bus/connect.js';
import { startNatsServer } from './nats-server.js';

test('a server has JetStream, and leaves nothing behind', async () => {
  const server = await startNatsServer();
  const connection = await connectBus({ url: server.url, name: 'test' });
  const bucket = await connection.jetstream().views.kv('TEST');
  await bucket.put('a', 'b');
  expect((await bucket.get('a'))?.string()).toBe('b');
  await connection.close();
  await server.stop();
  expect(existsSync(server.storeDir)).toBe(false);
});

test('a server comes back on its port with what it held', async () => {
  const storeDir = await mkdtemp(join(tmpdir(), 'offramp-nats-test-'));
  const first = await startNatsServer({ storeDir });
  const connection = await connectBus({ url: first.url, name: 'test' });
  await (await connection.jetstream().views.kv('TEST')).put('a', 'kept');
  await first.stop();
  const second = await startNatsServer({ storeDir, port: first.port });
  try {
    const again = await connectBus({ url: second.url, name: 'test' });
    expect((await (await again.jetstream().views.kv('TEST')).get('a'))?.string()).toBe('kept');
    await again.close();
  } finally {
    await connection.close();
    await second.stop();
    await rm(storeDir, { recursive: true, force: true });
  }
});

test('a missing binary is named', async () => {
  process.env.OFFRAMP_NATS_SERVER = '/nowhere/nats-server';
  try {
    await expect(startNatsServer()).rejects.toMatchObject({ code: 'NATS_UNAVAILABLE' });
  } finally {
    delete process.env.OFFRAMP_NATS_SERVER;
  }
});
