import { connectBus, createLogger, openLeaseBucket, systemClock } from '@offramp/shared';
import { type NatsServer, startNatsServer } from '@offramp/shared/testing';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Lease } from './lease.js';

const logger = createLogger('test', 'silent');
const ttlMs = 1_000;
const eventually = { timeout: 20_000, interval: 20 };

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
    onChange: (leading) => told.push(leading),
  });
  leases.push(lease);
  await lease.start();
  return { lease, told };
}

it('is one controller’s, everybody knows whose, and the next one’s as soon as it lets go', async () => {
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

it('lapses where nobody renews it, by the server’s clock', async () => {
  const bucket = await openLeaseBucket(bus, ttlMs);
  await bucket.create('leader', JSON.stringify({ instance: 'dead', sinceMs: 5 }));
  const { lease } = await start('alive');
  expect(lease.leader).toEqual({ instance: 'dead', since: new Date(5) });
  await expect.poll(() => lease.leading, eventually).toBe(true);
});

it('is not held on to by one that hears nothing of the server', async () => {
  const { lease, told } = await start('one');
  await nats.stop();
  await expect.poll(() => lease.leading, eventually).toBe(false);
  await expect.poll(() => told, eventually).toEqual([true, false]);
  nats = await startNatsServer({ port: nats.port });
  await expect.poll(() => lease.leading, eventually).toBe(true);
});

it('follows another time to live', async () => {
  await openLeaseBucket(bus, ttlMs);
  const bucket = await openLeaseBucket(bus, 5_000);
  expect((await bucket.status()).ttl).toBe(5_000);
});
