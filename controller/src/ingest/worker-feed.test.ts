import { connectBus, v1, type WorkerReportInit, workerSubject } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { createLogger } from '@offramp/runtime';
import { ManualClock } from '@offramp/runtime/testing';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WorkerRegister } from './register/worker-register.js';
import { followWorkers } from './worker-feed.js';

let server: NatsServer;
let bus: NatsConnection;
let register: WorkerRegister;
beforeEach(async () => {
  server = await startNatsServer();
  bus = await connectBus({ url: server.url, name: 'test' });
  register = new WorkerRegister();
  followWorkers(bus, register, new ManualClock(), createLogger('test', 'silent'));
  await bus.flush();
});
afterEach(async () => {
  await bus.close();
  await server.stop();
});

const report = (worker: string, sequence = 1): WorkerReportInit => ({
  ...{ worker, sequence, bootId: 'a', windowMs: 2_000, threads: 1, utilisation: 0.5 },
});
const say = (worker: string, message: WorkerReportInit | Uint8Array) =>
  bus.publish(
    workerSubject(worker),
    message instanceof Uint8Array ? message : v1.WorkerReport.encode(message).finish(),
  );

test('reports of workers are counted; invalid ones, and those in the name of another worker, are dropped', async () => {
  say('gpu-1', Buffer.from('garbage'));
  say('gpu-1', new Uint8Array(0));
  say('gpu-1', report('gpu-2'));
  say('gpu-1', report('gpu-1'));
  say('gpu-1', report('gpu-1'));
  say('gpu-2', report('gpu-2'));
  await expect
    .poll(() => register.counts, { timeout: 60_000, interval: 10 })
    .toEqual({ counted: 2, stale: 1, full: 0, invalid: 3 });
  expect(register.workers(0).map(({ worker }) => worker)).toEqual(['gpu-1', 'gpu-2']);
});
