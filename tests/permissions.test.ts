import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWorker, type Worker, workerConfig } from '@offramp/cloud-worker';
import {
  type BusParty,
  inboxPrefix,
  nameSubject,
  permissionsOf,
  policyBucket,
  policyKeySubject,
  policyReadSubject,
  policySubject,
  serverPermissions,
  telemetryStream,
  telemetrySubject,
  v1,
  workerSubject,
  workerSubjects,
} from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { type Controller, controllerConfig, startController } from '@offramp/controller';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { connect, Events, type NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { runHere } from './support/command-line.js';
import { bundlePath } from './support/example.js';
import { type FleetAgent, startFleetAgent } from './support/fleet-agent.js';

const eventually = { timeout: 30_000, interval: 50 };
const silent = createLogger('test', 'silent');
const parties: readonly BusParty[] = [
  { role: 'controller', name: 'controller' },
  { role: 'worker', name: 'worker-1' },
  { role: 'operator', name: 'operator' },
  { role: 'device', group: 'cameras', name: 'camera-1' },
  { role: 'device', group: 'cameras', name: 'camera-2' },
  { role: 'device', group: 'doors', name: 'door-1' },
];

let folder: string;
let nats: NatsServer;
let events: Server;
let heard = 0;
let controller: Controller;
let worker: Worker;
let camera: FleetAgent;

const urlOf = (user: string) => `nats://${user}:${user}@127.0.0.1:${nats.port}`;
/** What the server has refused to anybody. */
const refusals = async () =>
  (await readFile(join(folder, 'nats.log'), 'utf8')).split('\n').filter((line) => /violation/i.test(line));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-permissions-'));
  const configFile = join(folder, 'nats.conf');
  const users = parties.map((party) => ({
    ...{ user: party.name, password: party.name },
    permissions: serverPermissions(permissionsOf(party)),
  }));
  await writeFile(
    configFile,
    JSON.stringify({ authorization: { users }, log_file: join(folder, 'nats.log') }),
  );
  nats = await startNatsServer({
    configFile,
    probe: { user: 'controller', pass: 'controller', inboxPrefix: '_INBOX.controller' },
  });
  events = createServer((_, response) => {
    heard++;
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => events.listen(0, '127.0.0.1', resolve));
  const webhook = `http://127.0.0.1:${(events.address() as AddressInfo).port}/`;
  const flags = { nats: urlOf('controller'), bundle: [bundlePath], tuneEveryMs: 100, webhook };
  controller = await startController(await resolveConfig(controllerConfig, flags, {}), silent);
  const workerFlags = {
    nats: urlOf('worker-1'),
    name: 'worker-1',
    bundle: [bundlePath],
    listen: '127.0.0.1:0',
  };
  worker = await startWorker(
    await resolveConfig(workerConfig, { ...workerFlags, reportIntervalMs: 100 }, {}),
    silent,
  );
  camera = await startFleetAgent({
    ...{ nats: urlOf('camera-1'), group: 'cameras', device: 'camera-1', cloud: worker.address },
    ...{ loop: true, rate: 100, telemetryIntervalMs: 100 },
  });
}, 60_000);
afterAll(async () => {
  await camera?.stop();
  await worker?.stop();
  await controller?.stop();
  events?.close();
  await nats?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function fleet(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runHere('fleet', ...args, '--nats', urlOf('operator'));
  if (status !== 0) throw new Error(`fleet ${args.join(' ')}: ${stderr}`);
  return stdout;
}

test('each party may do what it does', async () => {
  expect(await fleet('bundle', 'add', bundlePath)).toContain('held-out samples');
  await expect.poll(() => fleet('ls'), eventually).toContain('camera-1');
  const { bus } = await connectAs('controller');
  for await (const { data } of bus.subscribe(workerSubjects, { max: 1 })) {
    expect(v1.WorkerReport.decode(data).worker).toBe('worker-1');
  }
  expect(await fleet('policy', 'set', 'cameras', '--threshold', '0.5')).toContain('policy 1');
  await expect.poll(() => camera.agent.status().policy.version, eventually).toBe(1);
  expect(await fleet('policy', 'get', 'cameras')).toContain('policy 1');
  await fleet('resume', 'cameras');
  await fleet('goal', 'set', 'cameras', '--agreement', '0.9');
  await expect.poll(() => camera.agent.status().policy.version, eventually).toBeGreaterThan(1);
  for (const command of ['explain', 'events', 'evidence']) await fleet(command, 'cameras');
  await expect.poll(() => heard, eventually).toBeGreaterThan(0);
  const health = await runHere('health', 'controller', '--nats', urlOf('controller'));
  expect(health.stdout).toContain('answers');
  const rival = startFleetAgent({ nats: urlOf('camera-1'), group: 'cameras', device: 'camera-1' });
  await expect(rival).rejects.toMatchObject({ code: 'NAME_TAKEN' });
  expect(await refusals()).toEqual([]);
}, 120_000);

/** A connection with a party's credentials, and what the server refused it. */
async function connectAs(user: string): Promise<{ bus: NatsConnection; refused: string[] }> {
  const party = parties.find(({ name }) => name === user) as BusParty;
  const bus = await connect({ servers: nats.url, user, pass: user, inboxPrefix: inboxPrefix(party) });
  onTestFinished(() => bus.close());
  const refused: string[] = [];
  void (async () => {
    for await (const { type, permissionContext } of bus.status()) {
      if (type === Events.Error && permissionContext) refused.push(permissionContext.subject);
    }
  })();
  return { bus, refused };
}

test('a stolen device publishes nothing for others', async () => {
  const { bus, refused } = await connectAs('door-1');
  const stream = (await adminOf()).streams;
  const before = (await stream.info(telemetryStream)).state.messages;
  const foreign = [
    telemetrySubject('cameras', 'camera-1'),
    telemetrySubject('doors', 'door-2'),
    nameSubject('cameras', 'camera-1'),
    policyKeySubject('doors'),
    policySubject('doors'),
    workerSubject('worker-1'),
    'offramp.v1.controller.policy.set',
    'offramp.v1.events.doors',
    `${inboxPrefix({ role: 'controller', name: '' })}.x`,
    `$JS.API.STREAM.DELETE.${telemetryStream}`,
    `$JS.API.STREAM.PURGE.KV_${policyBucket}`,
  ];
  for (const subject of foreign) bus.publish(subject, 'x');
  await bus.flush();
  await expect.poll(() => refused, eventually).toEqual(foreign);
  expect((await refusals()).length).toBeGreaterThanOrEqual(foreign.length);
  const after = await stream
    .getMessage(telemetryStream, { last_by_subj: 'offramp.v1.telemetry.doors.*' })
    .catch(() => null);
  expect(after).toBeNull();
  expect((await stream.info(telemetryStream)).state.messages).toBeGreaterThanOrEqual(before);
});

test('a stolen device reads nothing of others', async () => {
  const { bus, refused } = await connectAs('door-1');
  const subjects = [
    policySubject('cameras'),
    'offramp.v1.policies.*',
    'offramp.v1.>',
    nameSubject('cameras', 'camera-1'),
    '_INBOX.>',
    `${inboxPrefix({ role: 'device', group: 'cameras', name: 'camera-1' })}.>`,
    '$KV.>',
    '>',
  ];
  for (const subject of subjects) bus.subscribe(subject, { callback: () => undefined });
  await bus.flush();
  await expect.poll(() => refused, eventually).toEqual(subjects);

  const key = policyKeySubject('cameras');
  const requests: [string, string][] = [
    [policyReadSubject('cameras'), ''],
    [`$JS.API.DIRECT.GET.KV_${policyBucket}`, JSON.stringify({ last_by_subj: key })],
    [`$JS.API.STREAM.MSG.GET.KV_${policyBucket}`, JSON.stringify({ last_by_subj: key })],
    [`$JS.API.CONSUMER.CREATE.KV_${policyBucket}`, '{}'],
    [`$JS.API.STREAM.INFO.KV_${policyBucket}`, ''],
    ['offramp.v1.controller.devices.list', ''],
  ];
  for (const [subject, payload] of requests) {
    await expect(bus.request(subject, payload, { timeout: 500 })).rejects.toThrow();
    await expect.poll(() => refused.at(-1), eventually).toBe(subject);
  }
  const trick = await bus.request(policyReadSubject('doors'), JSON.stringify({ last_by_subj: key }), {
    timeout: 5_000,
  });
  expect([trick.data.length, trick.headers?.code]).toEqual([0, 408]);
});

async function adminOf() {
  const { bus } = await connectAs('controller');
  return bus.jetstreamManager();
}

test('deploy/nats/nats.conf gives the same permissions', async () => {
  const text = await readFile(new URL('../deploy/nats/nats.conf', import.meta.url), 'utf8');
  const documented = (role: string) => {
    const [, block = ''] = new RegExp(`^#   ${role}: \\{\n((?:#     .*\n)*)#   \\}`, 'm').exec(text) ?? [];
    const listOf = (what: string) => {
      const [, list = ''] = new RegExp(`${what}: (\\[[^\\]]*\\]|"[^"]*")`).exec(block) ?? [];
      return [...list.matchAll(/"([^"]+)"/g)].map(([, subject]) => subject);
    };
    return {
      publish: listOf('publish'),
      subscribe: listOf('subscribe'),
      respond: block.includes('allow_responses'),
    };
  };
  for (const party of parties.slice(0, 4)) {
    expect(documented(party.name.replace('-', '_').toUpperCase())).toEqual(permissionsOf(party));
  }
});
