import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  connectBus,
  openPolicyBucket,
  policyBucket,
  policyReadSubject,
  policySubject,
} from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { type Clock, createLogger, systemClock } from '@offramp/runtime';
import { ManualClock, temporaryFolder } from '@offramp/runtime/testing';
import { connect, type NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PolicyWatcher } from './policy-watcher.js';

const soon = { timeout: 60_000, interval: 10 };
const never = 3_600_000;

let server: NatsServer;
let bus: NatsConnection;
const watchers: PolicyWatcher[] = [];
beforeEach(async () => {
  server = await startNatsServer();
  bus = await connectBus({ url: server.url, name: 'test' });
});
afterEach(async () => {
  for (const watcher of watchers.splice(0)) watcher.stop();
  await bus.close();
  await server.stop();
});

interface Watching {
  connection?: NatsConnection;
  clock?: Clock;
  random?: () => number;
}

function watch(refreshMs: number, options: Watching = {}) {
  const { connection = bus, clock = systemClock, random = () => 0 } = options;
  const seen: string[] = [];
  const logger = createLogger('test', 'silent');
  const watcher = new PolicyWatcher({ group: 'north', refreshMs }, clock, random, logger, (bytes) =>
    seen.push(Buffer.from(bytes).toString()),
  );
  watchers.push(watcher);
  watcher.onUp(connection);
  return { watcher, seen };
}

/** A bucket of an older version, whose stream republishes nothing. */
const quietBucket = () => bus.jetstream().views.kv(policyBucket, { history: 5 });

test("delivers a group's newest entry first, then each new one, and none of other groups", async () => {
  const bucket = await openPolicyBucket(bus);
  for (const text of ['one', 'two']) await bucket.put('north', text);
  await bucket.put('south', 'other');
  const { seen, watcher } = watch(never);
  await watcher.firstRead();
  await vi.waitFor(() => expect(seen).toEqual(['two']), soon);
  await bucket.put('south', 'other');
  await bucket.put('north', 'three');
  await bucket.delete('north');
  await bucket.put('north', 'four');
  await vi.waitFor(() => expect(seen).toEqual(['two', 'three', 'four']), soon);
});

test('the first read settles for an empty bucket and for a missing one', async () => {
  const { watcher, seen } = watch(never);
  await watcher.firstRead();
  const bucket = await openPolicyBucket(bus);
  await bucket.put('north', 'late');
  await vi.waitFor(() => expect(seen).toEqual(['late']), soon);
});

test('a deleted key has no policy, and the next one is delivered', async () => {
  const bucket = await openPolicyBucket(bus);
  await bucket.put('north', 'old');
  await bucket.delete('north');
  const { watcher, seen } = watch(never);
  await watcher.firstRead();
  await bucket.put('north', 'new');
  await vi.waitFor(() => expect(seen).toEqual(['new']), soon);
});

test('a watcher that starts while a policy is stored does not miss it, and never returns to an older one', async () => {
  const bucket = await openPolicyBucket(bus);
  const own = await connectBus({ url: server.url, name: 'devices' });
  const devices: string[][] = [];
  const last = 60;
  for (let number = 1; number <= last; number++) {
    const { seen } = watch(never, { connection: own });
    devices.push(seen);
    // The delay varies between devices, so that the entry is stored before, while and after they subscribe and read.
    for (let turn = 0; turn < number % 6; turn++) await new Promise(setImmediate);
    await bucket.put('north', String(number));
    await vi.waitFor(() => expect(seen.at(-1)).toBe(String(number)), soon);
  }
  for (const seen of devices) {
    await vi.waitFor(() => expect(seen.at(-1)).toBe(String(last)), soon);
    expect(seen.map(Number)).toEqual(seen.map(Number).sort((a, b) => a - b));
  }
  await own.close();
});

test('an entry whose message was lost is found by the next read of the bucket', async () => {
  const bucket = await quietBucket();
  await bucket.put('north', 'first');
  const { watcher, seen } = watch(200);
  await watcher.firstRead();
  await bucket.put('north', 'unheard');
  await vi.waitFor(() => expect(seen.at(-1)).toBe('unheard'), soon);
});

test('a message without a sequence is not applied, but causes a read of the bucket', async () => {
  const bucket = await quietBucket();
  const { watcher, seen } = watch(never);
  await watcher.firstRead();
  await bucket.put('north', 'stored');
  bus.publish(policySubject('north'), 'from nowhere');
  await vi.waitFor(() => expect(seen).toEqual(['stored']), soon);
});

test('a bucket that was created anew is found by a read, although its sequences are lower', async () => {
  const bucket = await openPolicyBucket(bus);
  for (const text of ['one', 'two', 'three']) await bucket.put('north', text);
  const { seen } = watch(300);
  await vi.waitFor(() => expect(seen).toContain('three'), soon);
  await (await bus.jetstreamManager()).streams.delete(`KV_${policyBucket}`);
  await (await openPolicyBucket(bus)).put('north', 'anew');
  await vi.waitFor(() => expect(seen.at(-1)).toBe('anew'), soon);
});

test('the first policy of a bucket that was created anew causes a read at once', async () => {
  const bucket = await openPolicyBucket(bus);
  for (const text of ['one', 'two', 'three']) await bucket.put('north', text);
  const { watcher, seen } = watch(never);
  await watcher.firstRead();
  await (await bus.jetstreamManager()).streams.delete(`KV_${policyBucket}`);
  const anew = await openPolicyBucket(bus);
  await anew.put('north', 'anew');
  await vi.waitFor(() => expect(seen).toEqual(['three', 'anew']), soon);
  await anew.put('north', 'next');
  await vi.waitFor(() => expect(seen).toEqual(['three', 'anew', 'next']), soon);
});

test('after a disconnection the bucket is read with a delay that spreads devices; new policies arrive meanwhile', async () => {
  const bucket = await openPolicyBucket(bus);
  await bucket.put('north', 'before');
  const clock = new ManualClock();
  const { watcher, seen } = watch(never, { clock, random: () => 0.5 });
  await vi.waitFor(() => expect(seen).toEqual(['before']), soon);
  watcher.onDown();
  await bucket.put('north', 'missed');
  watcher.onUp(bus);
  await bus.flush();
  await bucket.get('north');
  clock.advance(999);
  await bucket.get('north');
  expect(seen).toEqual(['before']);
  clock.advance(1);
  await vi.waitFor(() => expect(seen).toEqual(['before', 'missed']), soon);

  watcher.onDown();
  watcher.onUp(bus);
  await bus.flush();
  await bucket.put('north', 'heard');
  await vi.waitFor(() => expect(seen).toEqual(['before', 'missed', 'heard']), soon);
});

test('retries until NATS has JetStream', async () => {
  const { port } = server;
  await server.stop();
  server = await startNatsServer({ port, jetStream: false });
  await vi.waitFor(() => bus.flush(), soon);
  const { watcher, seen } = watch(never);
  await watcher.firstRead();
  await server.stop();
  server = await startNatsServer({ port });
  await vi.waitFor(async () => (await openPolicyBucket(bus)).put('north', 'late'), soon);
  await vi.waitFor(() => expect(seen).toEqual(['late']), soon);
});

test('a device needs two permissions, and retries without either', async () => {
  const read = policyReadSubject('north');
  const users = {
    device: { publish: read, subscribe: [policySubject('north'), '_INBOX.>'] },
    deaf: { publish: read, subscribe: ['_INBOX.>'] },
    unread: { publish: 'nothing', subscribe: [policySubject('north'), '_INBOX.>'] },
  };
  const storeDir = await temporaryFolder();
  const configFile = join(await temporaryFolder(), 'nats.conf');
  const configure = (permissions: Record<string, object>) =>
    writeFile(
      configFile,
      JSON.stringify({
        no_auth_user: 'all',
        authorization: {
          users: [
            { user: 'all', password: 'all' },
            ...Object.keys(users).map((user) => ({ user, password: user, permissions: permissions[user] })),
          ],
        },
      }),
    );
  await configure(users);
  let restricted = await startNatsServer({ configFile, storeDir });
  const admin = await connectBus({ url: restricted.url, name: 'test' });
  const connections: NatsConnection[] = [];
  const watchAs = async (user: string) => {
    const options = { user, pass: user, reconnectTimeWait: 50, maxReconnectAttempts: -1 };
    const connection = await connect({ servers: restricted.url, ...options });
    connections.push(connection);
    return watch(never, { connection });
  };
  const bucket = await openPolicyBucket(admin);
  await bucket.put('north', 'one');
  const device = await watchAs('device');
  const refused = [await watchAs('deaf'), await watchAs('unread')];
  for (const { watcher } of [device, ...refused]) await watcher.firstRead();
  expect(device.seen).toEqual(['one']);
  for (const { seen } of refused) expect(seen).toEqual([]);
  await bucket.put('north', 'two');
  await vi.waitFor(() => expect(device.seen).toEqual(['one', 'two']), soon);
  expect(refused[0]?.seen).toEqual([]);

  await configure({ device: users.device, deaf: users.device, unread: users.device });
  await restricted.stop();
  restricted = await startNatsServer({ configFile, storeDir, port: restricted.port });
  for (const { seen } of refused) await vi.waitFor(() => expect(seen.at(-1)).toBe('two'), soon);
  for (const connection of [...connections, admin]) await connection.close();
  await restricted.stop();
});

test('delivers nothing after it was stopped', async () => {
  const bucket = await openPolicyBucket(bus);
  const { watcher, seen } = watch(never);
  await watcher.firstRead();
  watcher.stop();
  const { watcher: other, seen: seenByOther } = watch(never);
  await other.firstRead();
  await bucket.put('north', 'late');
  await vi.waitFor(() => expect(seenByOther).toEqual(['late']), soon);
  expect(seen).toEqual([]);
});
