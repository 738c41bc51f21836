import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { controllerConfig, startController } from '@offramp/controller';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { runHere } from './support/command-line.js';
import { temporaryFolder } from './support/example.js';
import { startFleetAgent } from './support/fleet-agent.js';

const logger = createLogger('test', 'silent');
const soon = { timeout: 20_000, interval: 50 };
const withinFiveSeconds = { timeout: 5_000, interval: 50 };

let folder: string;
let dir: string;
beforeAll(async () => {
  const made = await temporaryFolder();
  folder = made.path;
  dir = join(folder, 'fleet');
  return () => made.remove();
});

async function fleet(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runHere('fleet', ...args);
  if (status !== 0) throw new Error(`fleet ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Options for NATS of a party whose certificate and key are in these folders. */
const login = (certificate: string, key = certificate) => ({
  natsCa: join(dir, 'public/ca.crt'),
  natsCert: join(certificate, 'tls.crt'),
  natsKey: join(key, 'tls.key'),
});
const flagsOf = (options: ReturnType<typeof login>) => [
  ...['--nats-ca', options.natsCa, '--nats-cert', options.natsCert, '--nats-key', options.natsKey],
];

async function startNats(): Promise<NatsServer> {
  const { natsCa, natsCert, natsKey } = login(join(dir, 'controller/controller'));
  const nats = await startNatsServer({
    folder: join(dir, 'nats/nats'),
    configFile: 'nats.conf',
    probe: {
      tls: { caFile: natsCa, certFile: natsCert, keyFile: natsKey },
      inboxPrefix: '_INBOX.controller',
    },
  });
  onTestFinished(() => nats.stop());
  return nats;
}

async function startCamera(nats: NatsServer, device: string, files: ReturnType<typeof login>) {
  const camera = await startFleetAgent({
    ...{ nats: nats.url, group: 'cameras', device, ...files },
    ...{ loop: true, rate: 20, telemetryIntervalMs: 100 },
  });
  onTestFinished(() => camera.stop());
  return camera.agent;
}

test('certificates of a fleet log in to the NATS server that it has configured, until they are revoked', async () => {
  await fleet('init', dir, '--fleet', 'fleet.example', '--hosts', '127.0.0.1,localhost');
  const device = join(folder, 'camera-1');
  await fleet('request', device);
  await fleet('enroll', 'cameras/camera-1', '--dir', dir, '--request', join(device, 'tls.csr'));
  await fleet('enroll', 'cameras/camera-2', '--dir', dir);
  const nats = await startNats();
  const reload = () => process.kill(nats.pid, 'SIGHUP');
  const config = await resolveConfig(
    controllerConfig,
    { nats: nats.url, ...login(join(dir, 'controller/controller')) },
    {},
  );
  const controller = await startController(config, logger);
  onTestFinished(() => controller.stop());
  const place = (name: string) => join(dir, 'device/cameras', name);
  const stolen = await startCamera(nats, 'camera-1', login(place('camera-1'), device));
  const other = await startCamera(nats, 'camera-2', login(place('camera-2')));
  const [operator = ''] = await readdir(join(dir, 'operator'));
  const asOperator = ['--nats', nats.url, ...flagsOf(login(join(dir, 'operator', operator)))];
  await expect.poll(() => fleet('ls', ...asOperator), soon).toMatch(/camera-1[\s\S]*camera-2/);

  await fleet('revoke', 'cameras/camera-1', '--dir', dir);
  reload();
  await expect.poll(() => stolen.status().nats?.state, withinFiveSeconds).toBe('down');
  expect(other.status().nats?.state).toBe('up');

  await fleet('enroll', 'cameras/camera-1', '--dir', dir);
  reload();
  const anew = await startCamera(nats, 'camera-1', login(place('camera-1')));
  await expect.poll(() => anew.status().nats?.state, soon).toBe('up');
  expect(stolen.status().nats?.state).toBe('down');
}, 120_000);
