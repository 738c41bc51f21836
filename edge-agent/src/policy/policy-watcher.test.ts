import { connectBus, createLogger, openPolicyBucket, policyBucket, systemClock } from '@offramp/shared';
import { type NatsServer, startNatsServer } from '@offramp/shared/testing';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PolicyWatcher } from './policy-watcher.js';

const soon = { timeout: 20_000, interval: 10 };

let server: NatsServer;
let bus: NatsConnection;
let watcher: PolicyWatcher | null = null;
beforeEach(async () => {
  server = await startNatsServer();
  bus = await connectBus({ url: server.url, name: 'test' });
});
afterEach(async () => {
  watcher?.stop();
  await bus.close();
  await server.stop();
});

function watch(refreshMs: number) {
  const seen: string[] = [];
  watcher = new PolicyWatcher(
    { group: 'north', refreshMs },
    systemClock,
    () => 0,
    createLogger('test', 'silent'),
    (bytes) => seen.push(Buffer.from(bytes).toString()),
  );
  watcher.onUp(bus);
  return { watcher, seen };
}

test("a group's newest entry comes first, then each new one; other groups' never", async () => {
  const bucket = await openPolicyBucket(bus);
  for (const text of ['one', 'two']) await bucket.put('north', text);
  await bucket.put('south', 'other');
  const { seen, watcher } = watch(3_600_000);
  await watcher.firstRead();
  await vi.waitFor(() => expect(seen).toEqual(['two']), soon);
  await bucket.put('south', 'other');
  await bucket.put('north', 'three');
  await bucket.delete('north');
  await bucket.put('north', 'four');
  await vi.waitFor(() => expect(seen).toEqual(['two', 'three', 'four']), soon);
});

test('an empty bucket, and one that is not there, have been read, too', async () => {
  const { watcher, seen } = watch(3_600_000);
  await watcher.firstRead();
  const bucket = await openPolicyBucket(bus);
  await bucket.put('north', 'late');
  await vi.waitFor(() => expect(seen).toEqual(['late']), soon);
});

test('a bucket made again while connected is found: its numbers are lower than those seen', async () => {
  const bucket = await openPolicyBucket(bus);
  for (const text of ['one', 'two', 'three']) await bucket.put('north', text);
  const { seen } = watch(300);
  await vi.waitFor(() => expect(seen).toContain('three'), soon);
  await (await bus.jetstreamManager()).streams.delete(`KV_${policyBucket}`);
  await (await openPolicyBucket(bus)).put('north', 'anew');
  await vi.waitFor(() => expect(seen.at(-1)).toBe('anew'), soon);
});

test('nothing comes after stopping', async () => {
  const bucket = await openPolicyBucket(bus);
  const { watcher, seen } = watch(3_600_000);
  await watcher.firstRead();
  watcher.stop();
  const { watcher: other, seen: seenByOther } = watch(3_600_000);
  await other.firstRead();
  await bucket.put('north', 'late');
  await vi.waitFor(() => expect(seenByOther).toEqual(['late']), soon);
  expect(seen).toEqual([]);
});
