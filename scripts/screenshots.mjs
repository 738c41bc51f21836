#!/usr/bin/env node
// `npm run build && node scripts/screenshots.mjs [--out docs/images] [--devices 10000]`: takes the screenshots of docs/dashboard.md
// with Chromium, from the real controller and simulated devices that answer by the example's calibration table.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bundle, parseCalibrationTable } from '@offramp/bundle';
import { connectBus, v1, workerSubject } from '@offramp/contracts';
import { startNatsServer } from '@offramp/contracts/testing';
import { chromium } from 'playwright-core';
import { CloudModel } from '../bench/fleet/support/fleet/cloud-model.mjs';
import { ControlClient } from '../bench/fleet/support/fleet/control-client.mjs';
import { ControllerProcess } from '../bench/fleet/support/fleet/controller-process.mjs';
import { SimulatedFleet } from '../bench/fleet/support/fleet/simulated-fleet.mjs';
import { trafficOf } from '../bench/fleet/support/simulate-group.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: flags } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'docs/images') },
    devices: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '75' },
  },
});
const bundleFolder = join(root, 'examples/fashion-mnist/bundle');
const bundle = await Bundle.open(bundleFolder);
const table = readFileSync(join(bundleFolder, bundle.manifest.calibration.table.path), 'utf8');
const traffic = trafficOf(parseCalibrationTable(table, 'calibration table'));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const executablePath = process.env.OFFRAMP_CHROMIUM ?? '/usr/bin/chromium';
const args = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
const browser = await chromium.launch({ executablePath, args });

const cameras = { groups: [{ name: 'cameras', devices: 6 }], windowMs: 1_000, samplesPerSecond: 30 };
await picture(cameras, 1_000 * Number(flags.seconds), async (page, at, take) => {
  await at('#/groups/cameras');
  await take('dashboard', 1_280, 1_000);
  await page.emulateMedia({ colorScheme: 'dark' });
  await take('dashboard-dark', 1_280, 1_000);
  await page.emulateMedia({ colorScheme: 'light' });
  await take('dashboard-phone', 360, 740);
  await page.setViewportSize({ width: 1_000, height: 900 });
  await at('#/groups/cameras/devices/cameras-1');
  await take('dashboard-device', 1_000, 900);
});
const share = (part) => Math.round(part * Number(flags.devices));
const many = {
  groups: [
    { name: 'cameras', devices: share(0.6) },
    { name: 'gateways', devices: share(0.25) },
    { name: 'robots', devices: share(0.15) },
  ],
  ...{ windowMs: 10_000, samplesPerSecond: 0.5 },
};
await picture(many, 1_000 * Number(flags.seconds), async (_page, at, take) => {
  await at('#/');
  await take('dashboard-10000', 1_280, 1_000);
});
await browser.close();
process.exit();

/** Runs a fleet for a while, then takes its screenshots. */
async function picture({ groups, windowMs, samplesPerSecond }, forMs, look) {
  const nats = await startNatsServer();
  const controller = await ControllerProcess.start([
    ...[
      '--nats',
      nats.url,
      '--bundle',
      bundleFolder,
      '--listen',
      '127.0.0.1:0',
      '--instance-name',
      'controller-1',
    ],
  ]);
  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(controller.log.join('\n'))?.[0];
  if (!address)
    throw new Error(`the controller did not log the dashboard's address:\n${controller.log.join('\n')}`);
  const fleet = await SimulatedFleet.open({
    ...{ seed: 1, url: nats.url, bundle, windowMs, samplesPerSecond, groups },
    cloud: new CloudModel(bundle.manifest),
    trafficAt: () => traffic,
    link: { connections: 2 },
  });
  const bus = await connectBus({ url: nats.url, name: 'screenshots' });
  const stopWorkers = runWorkers(bus);
  // In a large fleet, a few devices have lost their worker.
  for (const device of fleet.devices) device.cloudDown = device.device.endsWith('777');
  fleet.start();
  for (const { name } of groups) {
    await (await ControlClient.open(bus)).setGoals(name, [
      { kind: 'agreement', floor: 0.98 },
      { kind: 'offload', ceiling: 0.2 },
    ]);
  }
  await sleep(forMs);
  const page = await browser.newPage({ reducedMotion: 'reduce' });
  page.on('pageerror', (error) => console.error(String(error)));
  const at = async (hash) => {
    await page.goto(`${address}/${hash}`);
    await page.getByRole('status').getByText('Live').waitFor();
    await sleep(2_500);
  };
  const take = async (name, width, height) => {
    await page.setViewportSize({ width, height });
    await sleep(1_500);
    await page.screenshot({ path: join(flags.out, `${name}.png`) });
  };
  await look(page, at, take);
  await page.close();
  stopWorkers();
  await bus.close();
  await fleet.close();
  await controller.stop();
  await nats.stop();
}

/** Two workers under light load. */
function runWorkers(bus) {
  let sequence = 0;
  const report = () => {
    sequence++;
    for (const [i, worker] of ['worker-1', 'worker-2'].entries()) {
      const utilisation = 0.3 + 0.1 * i + 0.05 * Math.sin(sequence / 5);
      const message = {
        ...{ worker, bootId: 'a', sequence, windowMs: 2_000, version: '0.1.0', threads: 4, utilisation },
        ...{ queued: 2 + i, maxQueue: 512, answered: 18 + 4 * i, refused: 0, streams: 3, stages: [] },
      };
      bus.publish(workerSubject(worker), v1.WorkerReport.encode(message).finish());
    }
  };
  report();
  const timer = setInterval(report, 2_000);
  return () => clearInterval(timer);
}
