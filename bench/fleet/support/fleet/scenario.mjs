// Groups of simulated devices in parallel under a real controller over real NATS, and the result for each.

import { startNatsServer } from '@offramp/contracts/testing';
import { ControllerClient } from '@offramp/controller';
import { truthOf } from '../simulate-group.mjs';
import { CloudModel } from './cloud-model.mjs';
import { ControlClient } from './control-client.mjs';
import { ControllerProcess } from './controller-process.mjs';
import { SimulatedFleet } from './simulated-fleet.mjs';
import { SimulatedWorkers } from './simulated-workers.mjs';

const pollMs = 100;

/**
 * @param options.bundle an open `Bundle`
 * @param options.bundlePath its folder
 * @param options.costs of its exits, see `exitCosts`
 * @param options.groups each with a `name`, what it starts with (`thresholds`, `auditRate`), its `goals`, and
 *   `trafficAt(samples)`, the traffic after `samples` samples
 * @param options.devicesPerGroup, options.samplesPerSecond of each device, options.windowMs between its reports
 * @param options.until ends the run: (samples of each group by name, milliseconds) → whether it is over
 * @param options.workerThreads capacity of all workers together; omitted: there are no workers
 * @returns tracks by group, events, the workers' history, and the controller's resource usage
 */
export async function runScenario(options) {
  const { bundle, bundlePath, groups, costs, devicesPerGroup, samplesPerSecond, windowMs } = options;
  const nats = await startNatsServer();
  const controller = await ControllerProcess.start([
    ...['--nats', nats.url, '--bundle', bundlePath, '--log-level', 'info'],
    ...(options.controllerArguments ?? []),
  ]);
  const cloud = new CloudModel(bundle.manifest);
  const traffics = new Map(groups.map(({ name, trafficAt }) => [name, trafficAt]));
  const fleet = await SimulatedFleet.open({
    ...{ seed: options.seed, url: nats.url, bundle, cloud, windowMs, samplesPerSecond },
    trafficAt: ({ group }, samples) => traffics.get(group)(samples),
    groups: groups.map(({ name }) => ({ name, devices: devicesPerGroup })),
  });
  const { bus } = fleet.link;
  const client = new ControllerClient(bus, { timeoutMs: 10_000 });
  const control = await ControlClient.open(bus);
  for (const { name, thresholds, auditRate, goals } of groups) {
    await client.setPolicy(name, { thresholds, auditRate, author: 'bench', reason: 'initial thresholds' });
    await control.setGoals(name, goals);
  }
  while (fleet.devices.some(({ policy }) => policy.version === 0)) await sleep(pollMs);

  const startedAt = performance.now();
  const startedDate = Date.now();
  const tracks = new Map(groups.map(({ name }) => [name, []]));
  fleet.onWindow((device, outcomes, elapsedMs) => {
    const { group } = device;
    const samples = fleet.samples.get(group);
    const traffic = traffics.get(group)(samples);
    const truths = fleet.devicesOf(group).map(({ policy }) => truthOf(traffic, policy.thresholds, costs));
    const mean = (of) => truths.reduce((sum, truth) => sum + of(truth), 0) / truths.length;
    tracks.get(group).push({
      ...{ samples, elapsedMs, outcomes, atMs: performance.now() - startedAt },
      agreement: mean((truth) => truth.agreement),
      cost: mean((truth) => truth.cost),
    });
  });
  const workers = options.workerThreads
    ? new SimulatedWorkers(fleet, cloud, bundle, options.workerThreads)
    : null;
  fleet.start();
  while (!options.until(fleet.samples, performance.now() - startedAt)) await sleep(pollMs);
  workers?.stop();
  await fleet.stop();
  const events = (await control.events()).map((event) => ({ ...event, atMs: event.at - startedDate }));
  const usage = { ...controller.usage(), seconds: (performance.now() - startedAt) / 1_000 };
  const failures = controller.log.filter((line) => /"level":"?(50|60|error|fatal)/.test(line));
  await fleet.close();
  await controller.stop();
  await nats.stop();
  return { tracks, events, workers: workers?.history ?? [], startedAt, usage, failures };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
