import { connectBus, nameSubject, v1 } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { createLogger } from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestAgent } from '../testing/test-agent.js';
import { NameClaim } from './name-claim.js';

const silent = createLogger('test', 'silent');
const soon = { timeout: 20_000, interval: 10 };

let server: NatsServer;
let bus: NatsConnection;
let cleanUps: (() => unknown)[];
beforeEach(async () => {
  server = await startNatsServer();
  bus = await connectBus({ url: server.url, name: 'test' });
  cleanUps = [];
});
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  await bus.close();
  await server.stop();
});

async function start(device: string) {
  const agent = await startTestAgent({ nats: server.url, device, listen: '127.0.0.1:0' });
  cleanUps.push(() => agent.stop());
  return agent;
}

/** A claim with its own connection, like that of another agent. */
async function claim(bootId: string, running = false) {
  const connection = await connectBus({ url: server.url, name: bootId });
  const told: string[] = [];
  const name = new NameClaim(
    {
      ...{ group: 'default', device: 'cam-1', bootId, running: () => running },
      onTaken: ({ message }) => told.push(message),
    },
    silent,
  );
  const up = () => name.onUp(connection);
  cleanUps.push(() => connection.close());
  return { name, told, up };
}

test('refuses the second of two agents with one name at its start; the first continues', async () => {
  const first = await start('cam-1');
  await expect(start('cam-1')).rejects.toMatchObject({
    code: 'NAME_TAKEN',
    message: expect.stringContaining('device cam-1 of group default runs already, on host '),
  });
  expect(first.status().phase).toBe('running');
  await start('cam-2');
  await first.stop();
  await start('cam-1');
});

test('of agents that start at the same moment, one keeps the name and all others are refused', async () => {
  const claims = await Promise.all(['b', 'a', 'c'].map((bootId) => claim(bootId)));
  for (const { up } of claims) up();
  await expect.poll(() => claims.map(({ told }) => told.length), soon).toEqual([1, 0, 1]);
});

test('running agents, as after a network partition, are notified of each other and continue', async () => {
  const claims = await Promise.all([claim('a', true), claim('b', true)]);
  for (const { up } of claims) up();
  await expect.poll(() => claims.map(({ told }) => told.length), soon).toEqual([1, 1]);
});

test('does not answer messages that are no claims, nor its own claim', async () => {
  const one = await claim('a', true);
  one.up();
  await one.name.firstAnswer();
  const ask = (data: Uint8Array) =>
    bus.request(nameSubject('default', 'cam-1'), data, { timeout: 200 }).then(
      () => 'answered',
      (error: { code: string }) => error.code,
    );
  expect(await ask(Buffer.from('garbage'))).toBe('TIMEOUT');
  expect(await ask(new Uint8Array(0))).toBe('TIMEOUT');
  expect(await ask(Buffer.alloc(2_000, 10))).toBe('TIMEOUT');
  expect(await ask(v1.NameClaim.encode({ bootId: 'a' }).finish())).toBe('TIMEOUT');
  expect(await ask(v1.NameClaim.encode({ bootId: 'z' }).finish())).toBe('answered');
  one.name.onDown();
  await expect.poll(() => ask(v1.NameClaim.encode({ bootId: 'z' }).finish()), soon).toBe('503');
  expect(one.told).toEqual([]);
});
