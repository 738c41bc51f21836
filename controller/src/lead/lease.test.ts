import { connectBus, openLeaseBucket } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { createLogger, systemClock } from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Lease } from './lease.js';

const logger = createLogger('test', 'silent');
const ttlMs = 1_000;
const eventually = { timeout: 60_000, interval: 20 };

let nats: NatsServer;
let bus: NatsConnection;
let leases: Lease[];

beforeEach(async () => {
  nats = await startNatsServer();
  bus = await connectBus({ url: nats.url, name: 'test' });
  leases = [];
});
afterEach(async () => {
  for (const lease of leases) await lease.stop();
  await bus.close();
  await nats.stop();
});

async function start(instance: string, clock = systemClock): Promise<{ lease: Lease; told: boolean[] }> {
  const told: boolean[] = [];
  const lease = new Lease({
    ...{ instance, ttlMs, clock, logger, open: () => openLeaseBucket(bus, ttlMs) },
    storage: { failed: () => undefined, stored: () => undefined },
    onChange: (leading) => told.push(leading),
  });
  leases.push(lease);
  await lease.start();
  return { lease, told };
}

it('belongs to one controller, which all know, and to the next one once it is released', async () => {
  const one = await start('one');
  const two = await start('two');
  expect([one.lease.leading, two.lease.leading]).toEqual([true, false]);
  expect(two.lease.leader).toEqual(one.lease.leader);
  expect(two.lease.leader?.instance).toBe('one');
  const since = one.lease.leader?.since;
  await one.lease.stop();
  await expect.poll(() => two.lease.leading, eventually).toBe(true);
  expect([one.told, two.told]).toEqual([[true, false], [true]]);
  await expect.poll(() => two.lease.leader?.instance, eventually).toBe('two');
  expect(two.lease.leader?.since.getTime()).toBeGreaterThanOrEqual(since?.getTime() ?? 0);
});

it('expires without renewal, by the server’s clock', async () => {
  const bucket = await openLeaseBucket(bus, ttlMs);
  await bucket.create('leader', JSON.stringify({ instance: 'dead', sinceMs: 5 }));
  const { lease } = await start('alive');
  expect(lease.leader).toEqual({ instance: 'dead', since: new Date(5) });
  await expect.poll(() => lease.leading, eventually).toBe(true);
});

it('is given up by a controller without contact to the server', async () => {
  const { lease, told } = await start('one');
  await nats.stop();
  await expect.poll(() => lease.leading, eventually).toBe(false);
  await expect.poll(() => told, eventually).toEqual([true, false]);
  nats = await startNatsServer({ port: nats.port });
  await expect.poll(() => lease.leading, eventually).toBe(true);
});

it('adopts a changed time to live', async () => {
  await openLeaseBucket(bus, ttlMs);
  const bucket = await openLeaseBucket(bus, 5_000);
  expect((await bucket.status()).ttl).toBe(5_000);
});
