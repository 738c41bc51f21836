import { connectBus, Lifecycle, openControlBucket, v1 } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { createLogger } from '@offramp/runtime';
import { ManualClock } from '@offramp/runtime/testing';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FleetRegister } from '../ingest/register/fleet-register.js';
import { WorkerRegister } from '../ingest/register/worker-register.js';
import { ControlStore } from '../store/control-store.js';
import { EventLog } from '../store/event-log.js';
import { checkedReport, type SampleReport } from '../testing/sample-report.js';
import { PresenceLoop } from './presence-loop.js';

const logger = createLogger('test', 'silent');
const everyMs = 2_000;
const soon = { timeout: 60_000, interval: 5 };

let nats: NatsServer;
let bus: NatsConnection;
let controllers: { loop: PresenceLoop; events: EventLog }[];

beforeEach(async () => {
  nats = await startNatsServer();
  bus = await connectBus({ url: nats.url, name: 'test' });
  controllers = [];
});
afterEach(async () => {
  for (const { loop, events } of controllers) {
    await loop.stop();
    await events.stop();
  }
  await bus.close();
  await nats.stop();
});

type Controller = Awaited<ReturnType<typeof startController>>;

/** The loop of one controller, with its own clock. */
async function startController(instance: string) {
  const clock = new ManualClock();
  const register = new FleetRegister({
    ...{ maxDevices: 100, offlineAfterWindows: 3, offlineAfterMinMs: 15_000, forgetAfterMs: 3_600_000 },
  });
  const workers = new WorkerRegister();
  const events = new EventLog({ bus, replicas: 1, clock, logger });
  await events.start();
  let leads = true;
  let sequence = 0;
  const loop = new PresenceLoop({
    store: new ControlStore(bus, await openControlBucket(bus)),
    ...{ events, register, workers, clock, logger, instance, everyMs, leading: () => leads },
  });
  loop.start();
  const controller = {
    ...{ loop, events, clock },
    /** Advances the time, in which devices and workers report. */
    async pass(ms: number, devices: readonly (string | SampleReport)[], workerNames: readonly string[] = []) {
      for (let passed = 0; passed < ms; passed += everyMs) {
        for (const device of devices) {
          const report = typeof device === 'string' ? { device } : device;
          register.apply(checkedReport({ ...report, sequence: ++sequence }), clock.now(), clock.now());
        }
        for (const worker of workerNames) {
          const report = { worker, bootId: 'a', sequence: ++sequence, windowMs: 2_000, threads: 1 };
          workers.apply(v1.WorkerReport.encode(report).finish(), clock.now());
        }
        clock.advance(everyMs);
        // The next check is scheduled only after this one.
        await expect.poll(() => clock.pending, soon).toBeGreaterThan(1);
      }
    },
    lead(now: boolean) {
      leads = now;
      loop.reset();
    },
  };
  controllers.push(controller);
  return controller;
}

/** Events published to listeners, which arrive a moment later. */
async function toldIn({ events }: Controller, count: number) {
  const told = () => events.list('', 100, 0).map(({ kind, text }) => `${kind}: ${text}`);
  await expect.poll(() => told().length, soon).toBeGreaterThanOrEqual(count);
  return told().reverse();
}

it('reports that a device and a worker stop reporting, and that they are back', async () => {
  const controller = await startController('one');
  await controller.pass(20_000, ['a', 'b'], ['w-1', 'w-2']);
  await controller.pass(30_000, ['a'], ['w-1']);
  expect(await toldIn(controller, 2)).toEqual([
    'workers-silent: Worker w-2 has stopped reporting; 1 reports.',
    'devices-silent: Device b has stopped reporting; 1 of 2 report.',
  ]);
  await controller.pass(60_000, ['a', 'b'], ['w-1', 'w-2']);
  expect((await toldIn(controller, 4)).slice(2)).toEqual([
    'workers-back: Worker w-2 reports again; 2 do.',
    'devices-back: Device b reports again; 2 of 2 report.',
  ]);
});

it('does not count an outage of NATS or its own pause as silence', async () => {
  const controller = await startController('one');
  const devices = Array.from({ length: 20 }, (_, i) => `cam-${i}`);
  await controller.pass(20_000, devices, ['w-1']);
  controller.lead(false);
  await controller.pass(60_000, []);
  controller.lead(true);
  await controller.pass(10_000, []);
  await controller.pass(20_000, devices, ['w-1']);
  controller.clock.advance(60_000);
  await controller.pass(10_000, []);
  await controller.pass(20_000, devices, ['w-1']);
  await controller.pass(20_000, devices.slice(1), ['w-1']);
  expect(await toldIn(controller, 1)).toEqual([
    'devices-silent: Device cam-0 has stopped reporting; 19 of 20 report.',
  ]);
});

it('reports nothing about a stopped device', async () => {
  const controller = await startController('one');
  await controller.pass(20_000, ['a', 'b', 'c']);
  await controller.pass(2_000, ['a', { device: 'b', lifecycle: Lifecycle.LIFECYCLE_STOPPED }, 'c']);
  await controller.pass(30_000, ['a']);
  expect(await toldIn(controller, 1)).toEqual([
    'devices-silent: Device c has stopped reporting; 1 of 2 report.',
  ]);
});

it('continues from the state of another controller, and reports nothing twice', async () => {
  const one = await startController('one');
  await one.pass(20_000, ['a', 'b'], ['w-1', 'w-2']);
  await one.pass(30_000, ['a'], ['w-1']);
  one.lead(false);
  const two = await startController('two');
  await two.pass(60_000, ['a'], []);
  expect(await toldIn(two, 3)).toEqual([
    'workers-silent: Worker w-2 has stopped reporting; 1 reports.',
    'devices-silent: Device b has stopped reporting; 1 of 2 report.',
    'workers-silent: Worker w-1 has stopped reporting; no worker reports.',
  ]);
});
