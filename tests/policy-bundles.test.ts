import { connectBus } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { type Controller, ControllerClient, controllerConfig, startController } from '@offramp/controller';
import { createLogger, resolveConfig, shortDigest } from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import { afterEach, expect, test } from 'vitest';
import { expectError, runHere } from './support/command-line.js';
import { bundleWithThresholds, temporaryFolder } from './support/example.js';
import { startFleetAgent } from './support/fleet-agent.js';

const eventually = { timeout: 60_000, interval: 50 };
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function startFleet(): Promise<{ nats: NatsServer; bus: NatsConnection; controller: Controller }> {
  const nats = await startNatsServer();
  cleanUps.push(() => nats.stop());
  const bus = await connectBus({ url: nats.url, name: 'test' });
  cleanUps.push(() => bus.close());
  const flags = { nats: nats.url, instanceName: 'one' };
  const controller = await startController(
    await resolveConfig(controllerConfig, flags, {}),
    createLogger('test', 'silent'),
  );
  cleanUps.push(() => controller.stop());
  return { nats, bus, controller };
}

/** A device with a bundle of its own: the example with other thresholds. */
async function startDevice(nats: NatsServer, device: string, threshold: number) {
  const folder = await temporaryFolder();
  cleanUps.push(() => folder.remove());
  const bundle = await bundleWithThresholds(folder.path, () => threshold);
  const { agent, stop } = await startFleetAgent({
    ...{ nats: nats.url, device, group: 'cameras', bundle: folder.path, deviceStages: bundle.branches + 1 },
    ...{ loop: true, rate: 20, telemetryIntervalMs: 200 },
  });
  cleanUps.push(stop);
  return {
    ...{ bundle, short: shortDigest(bundle.digest) },
    policy: () => agent.status().policy,
    version: () => agent.status().policy.version,
  };
}

test('devices of a mixed group follow only policies for their bundle, and the command line names the others', async () => {
  const { nats, bus } = await startFleet();
  const old = await startDevice(nats, 'old', 0.5);
  const recent = await startDevice(nats, 'recent', 0.25);
  const client = new ControllerClient(bus);
  const reported = async () => (await client.listDevices('cameras')).devices;
  await expect.poll(async () => (await reported()).length, eventually).toBe(2);
  const fleet = (...args: string[]) => runHere('fleet', ...args, '--nats', nats.url);
  const set = (...args: string[]) => fleet('policy', 'set', 'cameras', ...args);
  const refusal = (version: number, bundle: string, name: string, other: string) =>
    `1 device does not follow policy ${version}, which is for bundle ${bundle}: ${name} runs ${other} `;

  // Both follow a policy for any bundle, and a warning says so.
  expect(await set('--threshold', '2', '--bundle', 'any')).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('policy 1 is for any bundle, and devices of the group run 2 different'),
  });
  await expect.poll(() => [old.version(), recent.version()], eventually).toEqual([1, 1]);

  for (const [version, to, other, name, otherName] of [
    [2, old, recent, 'old', 'recent'],
    [3, recent, old, 'recent', 'old'],
  ] as const) {
    expect(await set('--threshold', '0.75', '--bundle', to.short)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`policy ${version}, thresholds`),
      stderr: expect.stringContaining(refusal(version, to.short, otherName, other.short)),
    });
    await expect.poll(to.version, eventually).toBe(version);
    await expect.poll(() => other.policy().errorCode, eventually).toBe('POLICY_OTHER_BUNDLE');
    expect(other.version(), name).toBe(version - 1);
  }

  // A rollback is for the bundle of the policy that it goes back to.
  expect(await fleet('rollback', 'cameras', '--to-version', '2')).toMatchObject({
    status: 0,
    stdout: `group cameras: policy 4, with the thresholds of policy 2 for bundle ${old.short}\n`,
    stderr: expect.stringContaining(refusal(4, old.short, 'recent', recent.short)),
  });
  await expect.poll(old.version, eventually).toBe(4);
  await expect.poll(() => recent.policy().error, eventually).toContain('policy 4 is for bundle');
  expect(recent.policy()).toMatchObject({ version: 3, errorCode: 'POLICY_OTHER_BUNDLE' });
  const codes = async () => (await reported()).map(({ state }) => state.policyErrorCode);
  await expect.poll(codes, eventually).toEqual(['', 'POLICY_OTHER_BUNDLE']);
  const told = refusal(4, old.short, 'recent', recent.short);
  for (const command of [['ls'], ['policy', 'get', 'cameras'], ['explain', 'cameras']]) {
    expect((await fleet(...command)).stdout.replaceAll('\n', ' ')).toContain(told);
  }

  expectError(
    await set('--threshold', '0.75', '--bundle', 'f'.repeat(64)),
    'POLICY_INVALID',
    /expected a bundle that devices of group cameras run: \w{12} \(1 device: \w+\), .*; found ffffffffffff/,
  );
}, 120_000);
