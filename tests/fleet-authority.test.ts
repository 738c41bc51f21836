import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { startWorker, workerConfig } from '@offramp/cloud-worker';
import { agentConfig, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { runHere } from './support/command-line.js';
import { bundlePath, picturesPath, temporaryFolder } from './support/example.js';

const logger = createLogger('test', 'silent');
const soon = { timeout: 20_000, interval: 50 };

let folder: string;
let dir: string;
beforeAll(async () => {
  const made = await temporaryFolder();
  folder = made.path;
  dir = join(folder, 'fleet');
  return () => made.remove();
});

const offrampFleet = (...args: string[]) => runHere('fleet', ...args);
const publicFiles = () => ({ tlsCa: join(dir, 'public/ca.crt'), tlsCrl: join(dir, 'public/ca.crl') });
const pairIn = (place: string) => ({ tlsCert: join(place, 'tls.crt'), tlsKey: join(place, 'tls.key') });

async function startTestWorker() {
  const options = { ...publicFiles(), ...pairIn(join(dir, 'worker/worker')) };
  const config = await resolveConfig(
    workerConfig,
    { bundle: [bundlePath], listen: '127.0.0.1:0', ...options },
    {},
  );
  const worker = await startWorker(config, logger);
  onTestFinished(() => worker.stop());
  return worker;
}

async function startCamera(address: string, device: string, files: Record<string, string>) {
  const output = new PassThrough();
  output.resume();
  const config = await resolveConfig(
    agentConfig,
    {
      ...{ bundle: bundlePath, source: picturesPath, loop: true, rate: 20, nats: 'none', deviceStages: 1 },
      ...{ group: 'cameras', device, cloud: address, ...publicFiles(), ...files },
    },
    {},
  );
  const agent = await startAgent(config, logger, { output });
  onTestFinished(() => agent.stop());
  await vi.waitFor(() => expect(agent.status().totals.offloaded).toBeGreaterThan(0), soon);
  return agent;
}

test('from nothing to a fleet with mutual TLS, and a revoked device that is cut off while another goes on', async () => {
  const device = join(folder, 'camera-1');
  for (const args of [
    ['init', dir, '--fleet', 'fleet.example'],
    ['request', device],
    ['enroll', 'cameras/camera-1', '--dir', dir, '--request', join(device, 'tls.csr')],
    ['enroll', 'cameras/camera-2', '--dir', dir],
  ]) {
    expect(await offrampFleet(...args)).toMatchObject({ status: 0, stderr: '' });
  }
  const worker = await startTestWorker();
  const [first, second] = ['camera-1', 'camera-2'].map((name) => join(dir, 'device/cameras', name));
  const stolen = await startCamera(worker.address, 'camera-1', {
    tlsCert: join(first ?? '', 'tls.crt'),
    tlsKey: join(device, 'tls.key'),
  });
  const other = await startCamera(worker.address, 'camera-2', pairIn(second ?? ''));

  expect(await offrampFleet('revoke', 'cameras/camera-1', '--dir', dir)).toMatchObject({ status: 0 });
  await vi.waitFor(() => expect(stolen.status().cloud?.state).not.toBe('ready'), { ...soon, timeout: 5_000 });
  const { offloaded } = other.status().totals;
  await vi.waitFor(() => expect(other.status().totals.offloaded).toBeGreaterThan(offloaded), soon);
  expect(other.status().cloud?.counters).toMatchObject({ reconnects: 0, broken: 0 });
  expect([...worker.stats.refusedConnections.keys()]).toEqual(['revoked']);
});

test('what cannot be done is an error, and changes nothing', async () => {
  const fleet = join(folder, 'errors');
  await offrampFleet('init', fleet);
  const key = await readFile(join(fleet, 'worker/worker/tls.key'));
  const cases: [string[], number, RegExp][] = [
    [['init', fleet], 1, /ALREADY_EXISTS/],
    [['enroll', 'worker', '--role', 'worker', '--dir', fleet], 1, /ALREADY_EXISTS.*is enrolled/],
    [['enroll', 'camera', '--dir', fleet], 2, /CONFIG_INVALID.*expected GROUP\/DEVICE/],
    [['enroll', 'a/b', '--role', 'operator', '--dir', fleet], 2, /CONFIG_INVALID.*expected NAME/],
    [['revoke', 'cameras/none', '--dir', fleet], 1, /NOT_FOUND/],
    [['renew', '--dir', folder], 1, /FILE_NOT_FOUND.*is not the folder of a fleet/],
  ];
  for (const [args, status, message] of cases) {
    expect(await offrampFleet(...args)).toMatchObject({ status, stderr: expect.stringMatching(message) });
  }
  expect(await readFile(join(fleet, 'worker/worker/tls.key'))).toEqual(key);
  expect(await offrampFleet('renew', '--dir', fleet)).toMatchObject({
    status: 0,
    stdout: 'no certificate is due; the revocation list is new\n',
  });
});
