import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type NatsServer, startNatsServer } from '../testing/nats-server.js';
import { connectBus } from './connect.js';
import { openPolicyBucket, republishesPolicies } from './jetstream.js';
import { policyBucket, policyReadSubject, policyRepublish, policySubject } from './subjects.js';

let server: NatsServer;
let bus: NatsConnection;
beforeEach(async () => {
  server = await startNatsServer();
  bus = await connectBus({ url: server.url, name: 'test' });
});
afterEach(async () => {
  await bus.close();
  await server.stop();
});

test("the bucket of policies publishes again what it has stored, on the group's subject, numbered", async () => {
  const bucket = await openPolicyBucket(bus);
  expect(await republishesPolicies(bucket)).toBe(true);
  const heard = bus.subscribe(policySubject('north'), { max: 2 });
  await bucket.put('south', 'other');
  const numbers = [await bucket.put('north', 'one'), await bucket.put('north', 'two')];
  const messages: [string, string | undefined][] = [];
  for await (const message of heard) messages.push([message.string(), message.headers?.get('Nats-Sequence')]);
  expect(messages).toEqual([
    ['one', String(numbers[0])],
    ['two', String(numbers[1])],
  ]);
});

test('a bucket that was made without that is brought to it, where the server can', async () => {
  const { streams } = await bus.jetstreamManager();
  const old = await bus.jetstream().views.kv(policyBucket, { history: 5 });
  await old.put('north', 'kept');
  await bus.jetstream().views.kv('OTHER');
  const republish = { src: '$KV.OTHER.*', dest: 'other.{{wildcard(1)}}' };
  const canChange = await streams.update('KV_OTHER', { republish }).then(
    () => true,
    () => false,
  );
  const bucket = await openPolicyBucket(bus);
  expect(await republishesPolicies(bucket)).toBe(canChange);
  expect((await streams.info(`KV_${policyBucket}`)).config.republish?.dest).toBe(
    canChange ? policyRepublish.dest : undefined,
  );
  expect((await bucket.get('north'))?.string()).toBe('kept');
});

test('devices may read the bucket of policies directly, also one that was made without that', async () => {
  await bus.jetstream().views.kv(policyBucket, { allow_direct: false });
  await (await openPolicyBucket(bus)).put('north', 'one');
  const { data } = await bus.request(policyReadSubject('north'));
  expect(Buffer.from(data).toString()).toBe('one');
});
