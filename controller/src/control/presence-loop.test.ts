import { connectBus, createLogger, Lifecycle, openControlBucket, v1 } from '@offramp/shared';
import { ManualClock, type NatsServer, startNatsServer } from '@offramp/shared/testing';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FleetRegister } from '../register/fleet-register.js';
import { WorkerRegister } from '../register/worker-register.js';
import { checkedReport, type SampleReport } from '../testing/sample-report.js';
import { ControlStore } from './control-store.js';
import { EventLog } from './event-log.js';
import { PresenceLoop } from './presence-loop.js';

const logger = createLogger('test', 'silent');
const everyMs = 2_000;
const soon = { timeout: 20_000, interval: 5 };

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

/** One controller's part, with a clock of its own. */
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
    /** Time goes on, and devices and workers report in it. */
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
        // The next look is due only when this one is done.
        await expect.poll(() => clock.pending, soon).toBeGreaterThan(1);
      }
    },
    lead(now: boolean) {
      leads = now;
      loop.startAnew();
    },
  };
  controllers.push(controller);
  return controller;
}

/** Whoever listens hears of it a moment later. */
async function toldIn({ events }: Controller, count: number) {
  const told = () => events.list('', 100, 0).map(({ kind, text }) => `${kind}: ${text}`);
  await expect.poll(() => told().length, soon).toBeGreaterThanOrEqual(count);
  return told().reverse();
}

it('tells that a device and a worker fall silent, and that they are back', async () => {
  const controller = await startController('one');
  await controller.pass(20_000, ['a', 'b'], ['w-1', 'w-2']);
  await controller.pass(30_000, ['a'], ['w-1']);
  expect(await toldIn(controller, 2)).toEqual([
    'workers-silent: Worker w-2 has fallen silent; 1 reports.',
    'devices-silent: Device b has fallen silent; 1 of 2 report.',
  ]);
  await controller.pass(60_000, ['a', 'b'], ['w-1', 'w-2']);
  expect((await toldIn(controller, 4)).slice(2)).toEqual([
    'workers-back: Worker w-2 reports again; 2 do.',
    'devices-back: Device b reports again; 2 of 2 report.',
  ]);
});

it('does not take a cut of NATS, nor a pause of its own, for silence of all', async () => {
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
    'devices-silent: Device cam-0 has fallen silent; 19 of 20 report.',
  ]);
});

it('says nothing of a device that has stopped', async () => {
  const controller = await startController('one');
  await controller.pass(20_000, ['a', 'b', 'c']);
  await controller.pass(2_000, ['a', { device: 'b', lifecycle: Lifecycle.LIFECYCLE_STOPPED }, 'c']);
  await controller.pass(30_000, ['a']);
  expect(await toldIn(controller, 1)).toEqual(['devices-silent: Device c has fallen silent; 1 of 2 report.']);
});

it('goes on where another controller left off, and tells nothing twice', async () => {
  const one = await startController('one');
  await one.pass(20_000, ['a', 'b'], ['w-1', 'w-2']);
  await one.pass(30_000, ['a'], ['w-1']);
  one.lead(false);
  const two = await startController('two');
  await two.pass(60_000, ['a'], []);
  expect(await toldIn(two, 3)).toEqual([
    'workers-silent: Worker w-2 has fallen silent; 1 reports.',
    'devices-silent: Device b has fallen silent; 1 of 2 report.',
    'workers-silent: Worker w-1 has fallen silent; none reports.',
  ]);
});
