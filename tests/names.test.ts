import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectBus, controllerEndpoints, controllerSubject, v1 } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import {
  type Controller,
  ControllerClient,
  type ControllerDependencies,
  controllerConfig,
  startController,
} from '@offramp/controller';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { ManualClock, propertyNames, temporaryFolder } from '@offramp/runtime/testing';
import type { NatsConnection } from 'nats';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { bundlePath } from './support/example.js';
import { FleetReports } from './support/fleet-reports.js';
import { expectTyped, isFleetName, outsideNames, runHere } from './support/outside-names.js';

const eventually = { timeout: 60_000, interval: 50 };
const names = [...outsideNames];
const silent = createLogger('test', 'silent');

let nats: NatsServer;
let bus: NatsConnection;
let controller: Controller;
let client: ControllerClient;
let reports: FleetReports;

async function start(dependencies: ControllerDependencies = {}): Promise<Controller> {
  const flags = { nats: nats.url, listen: '127.0.0.1:0', offlineAfterMinMs: 5_000, bundle: [bundlePath] };
  return startController(await resolveConfig(controllerConfig, flags, {}), silent, dependencies);
}

beforeAll(async () => {
  nats = await startNatsServer();
  bus = await connectBus({ url: nats.url, name: 'test' });
  controller = await start();
  client = new ControllerClient(bus);
  reports = new FleetReports(bus);
  await reports.ofDevice('north', 'cam-1');
  await vi.waitFor(async () => expect(await devices()).toEqual(['north/cam-1']), eventually);
  return async () => {
    await controller.stop();
    await bus.close();
    await nats.stop();
  };
});

/** A report of a device and of a worker for each name that they may have. */
async function reportAll(): Promise<void> {
  for (const name of propertyNames) {
    await reports.ofDevice(name, name);
    reports.ofWorker(name);
  }
}

const devices = async () =>
  (await client.listDevices()).devices.map(({ group, device }) => `${group}/${device}`);

describe('telemetry', () => {
  it('of devices and workers takes names of properties like any others, and refuses what is too long', async () => {
    await reportAll();
    for (const [, text] of names) {
      await reports.ofDevice('north', 'cam-1', { group: text });
      await reports.ofDevice('north', 'cam-1', { device: text });
      await reports.ofDevice('north', 'texts', { bootId: text });
      for (const field of ['bundleName', 'agentVersion', 'policyError', 'policyErrorCode']) {
        await reports.ofDevice('north', field, {}, { [field]: text });
      }
      for (const field of ['worker', 'bootId', 'version']) reports.ofWorker('worker-1', { [field]: text });
    }
    const texts = ['agentVersion', 'bundleName', 'cam-1', 'policyError', 'policyErrorCode', 'texts'];
    const all = [
      ...propertyNames.map((name) => `${name}/${name}`),
      ...texts.map((device) => `north/${device}`),
    ].sort();
    await expect.poll(devices, eventually).toEqual(all);
  });
});

describe('requests over NATS', () => {
  const { listDevices, getPolicy, setPolicy, policyHistory, getEvidence } = controllerEndpoints;
  const { getGoals, setGoals, setMode, getStatus, rollBack, listEvents } = controllerEndpoints;
  const group = 'north';
  const thresholds = [0.5, 0.5];
  const mode = 2;
  type Field = [
    endpoint: string,
    type: { encode(message: object): { finish(): Uint8Array } },
    (name: string) => object,
  ];
  const groups: Field[] = [
    [listDevices, v1.ListDevicesRequest, (name) => ({ group: name })],
    [setPolicy, v1.SetPolicyRequest, (name) => ({ group: name, thresholds })],
    [setGoals, v1.SetGoalsRequest, (name) => ({ group: name, goals: [{ agreementFloor: 0.9 }] })],
    [setMode, v1.SetModeRequest, (name) => ({ group: name, mode })],
    [rollBack, v1.RollBackRequest, (name) => ({ group: name, version: 1 })],
    ...(
      [
        [getPolicy, v1.GetPolicyRequest],
        [policyHistory, v1.PolicyHistoryRequest],
        [getEvidence, v1.GetEvidenceRequest],
        [getGoals, v1.GetGoalsRequest],
        [getStatus, v1.GetStatusRequest],
        [listEvents, v1.ListEventsRequest],
      ] as const
    ).map(([endpoint, type]): Field => [endpoint, type, (name) => ({ group: name })]),
  ];
  const others: Field[] = [
    [listDevices, v1.ListDevicesRequest, (name) => ({ group, pageToken: name })],
    [getEvidence, v1.GetEvidenceRequest, (name) => ({ group, device: name })],
    ...['author', 'reason', 'requestId'].flatMap((field): Field[] => [
      [setPolicy, v1.SetPolicyRequest, (name) => ({ group, thresholds, [field]: name })],
      [setGoals, v1.SetGoalsRequest, (name) => ({ group, goals: [], [field]: name })],
      [setMode, v1.SetModeRequest, (name) => ({ group, mode, [field]: name })],
      [rollBack, v1.RollBackRequest, (name) => ({ group, version: 1, [field]: name })],
    ]),
    [setPolicy, v1.SetPolicyRequest, (name) => ({ group, thresholds, bundle: name })],
  ];

  /** @returns the error's code; empty: there is none */
  async function ask([endpoint, type, message]: Field, name: string): Promise<string> {
    const reply = await bus.request(`${controllerSubject}.${endpoint}`, type.encode(message(name)).finish());
    const code = reply.headers?.get('Offramp-Error-Code') ?? '';
    const about = `${endpoint} ${JSON.stringify(message(name)).slice(0, 100)}`;
    if (code) expectTyped({ code, message: reply.headers?.get('Nats-Service-Error') ?? '' }, about);
    return code;
  }

  it.each(names)('take %s as a group, or refuse it by rule', async (_, name) => {
    for (const field of groups) {
      const listsAll = name === '' && [listDevices, listEvents].some((endpoint) => endpoint === field[0]);
      expect(await ask(field, name), field[0]).toBe(isFleetName(name) || listsAll ? '' : 'CONFIG_INVALID');
    }
  });

  it.each(names)('take %s in other fields, or refuse it by rule', async (_, name) => {
    for (const field of others) await ask(field, name);
  });

  it('keep authors and reasons as they are', async () => {
    for (const [, text] of names) {
      if (text.length > 100) continue;
      const set = client.setPolicy(group, { thresholds, author: text, reason: text });
      expect((await set).policy).toMatchObject({ author: text, reason: text });
    }
  });
});

describe('requests over HTTP', () => {
  async function ask(
    method: string,
    path: string,
    body?: string,
  ): Promise<{ status: number; json: unknown }> {
    const response = await fetch(`${controller.httpAddress}${path}`, {
      method,
      ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
    });
    const json = (await response.json()) as { error?: { code: string; message: string } };
    const about = `${method} ${path.slice(0, 100)} ${body?.slice(0, 100)}`;
    if (response.status !== 200) expectTyped(json.error ?? { code: '', message: '' }, about);
    return { status: response.status, json };
  }

  it.each(names)('take %s, or refuse it by rule', async (_, name) => {
    const part = encodeURIComponent(name);
    const thresholds = [0.5, 0.5];
    const ofGroup: [method: string, path: string, body?: object][] = [
      ['GET', ''],
      ['GET', '/goals'],
      ['PUT', '/goals', { goals: [] }],
      ['PUT', '/mode', { mode: 'auto' }],
      ['GET', '/policies'],
      ['POST', '/policies', { thresholds }],
      ['POST', '/rollback', { version: 1 }],
      ['GET', '/evidence'],
    ];
    for (const [method, path, body] of ofGroup) {
      const { status } = await ask(method, `/v1/groups/${part}${path}`, body && JSON.stringify(body));
      expect(isFleetName(name) ? [200] : [400, 404, 414], `${method} ${path}`).toContain(status);
    }
    for (const path of [
      ...[`devices/${part}`, `devices/${part}/evidence`].map((rest) => `/v1/groups/north/${rest}`),
      ...['group', 'after', 'limit', name].map((key) => `/v1/devices?${encodeURIComponent(key)}=${part}`),
      ...[`/v1/groups?after=${part}`, `/v1/events?group=${part}`, `/v1/${part}`],
    ]) {
      expect([200, 400, 404, 414, 431], path.slice(0, 100)).toContain((await ask('GET', path)).status);
    }
    for (const field of ['author', 'reason', 'requestId', 'bundle', name]) {
      const body = `{"thresholds":[0.5,0.5],${JSON.stringify(field)}:${JSON.stringify(name)}}`;
      expect([200, 400], field).toContain((await ask('POST', '/v1/groups/north/policies', body)).status);
    }
  });

  it('list what has such names', async () => {
    const { json } = await ask('GET', '/v1/groups');
    expect((json as { groups: { group: string }[] }).groups.map(({ group }) => group)).toEqual(
      expect.arrayContaining([...propertyNames, 'north']),
    );
  });
});

describe('the command line', () => {
  const at = () => ['--nats', nats.url, '--timeout-ms', '20000'];

  it.each(names)('takes %s, or refuses it by rule', async (_, name) => {
    const ofGroup = [
      ...[['policy', 'get'], ['policy', 'history'], ['evidence'], ['goal', 'get'], ['goal', 'clear']],
      ...[['explain'], ['events'], ['freeze'], ['resume'], ['rollback']],
      ...[
        ['policy', 'set', '--thresholds', '0.5,0.5'],
        ['goal', 'set', '--agreement', '0.9'],
      ],
    ];
    for (const command of ofGroup) {
      const { code } = await runHere('fleet', ...command, name, ...at());
      const isAll = name === '' && command[0] === 'events';
      expect(code, command.join(' ')).toBe(isFleetName(name) || isAll ? null : 'CONFIG_INVALID');
    }
    for (const command of ['ls', 'top']) await runHere('fleet', command, '--group', name, ...at());
    await runHere('fleet', 'evidence', 'north', '--device', name, ...at());
    for (const option of ['--author', '--reason', '--request-id', '--bundle']) {
      await runHere('fleet', 'policy', 'set', 'north', '--thresholds', '0.5,0.5', option, name, ...at());
    }
    for (const command of [['ls'], ['top'], ['policy', 'history', 'north'], ['events']]) {
      expect((await runHere('fleet', ...command, ...at())).code, command.join(' ')).toBeNull();
    }
    const wrong = [[name], ['fleet', name], ['agent', `--${name}`, 'x'], ['fleet', 'bundle', 'add', name]];
    for (const args of wrong) expect((await runHere(...args)).code).not.toBeNull();
    for (const [program, option] of [
      ...['device', 'group', 'bundle'].map((key) => ['agent', key]),
      ...['name', 'bundle', 'listen', 'nats'].map((key) => ['worker', key]),
      ...['instance-name', 'listen', 'bundle'].map((key) => ['controller', key]),
    ] as const) {
      if (option === 'instance-name' && name !== '' && name.length <= 100) continue;
      if (isFleetName(name) && ['device', 'group', 'name'].includes(option ?? '')) continue;
      await runHere(
        program as string,
        `--${option}`,
        name,
        ...(program === 'worker' ? ['--bundle', 'x'] : []),
      );
    }
  });

  it('takes option files with such keys and values for wrong', async () => {
    const file = join(await temporaryFolder(), 'options.json');
    for (const [, name] of names) {
      for (const options of [`{${JSON.stringify(name)}: "x"}`, `{"device": ${JSON.stringify(name)}}`]) {
        await writeFile(file, options);
        expect((await runHere('agent', '--config', file)).code).toMatch(/^(CONFIG_INVALID|FILE_NOT_FOUND)$/);
      }
    }
  });
});

describe('everything else', () => {
  it('works on: the list, presence, the stream and metrics have devices and workers of such names', async () => {
    await controller.stop();
    const clock = new ManualClock();
    controller = await start({ clock });
    // What is silent when a controller first looks is no event, so that all report until then.
    for (let second = 0; second < 20; second++) {
      await reportAll();
      clock.advance(1_000);
      await bus.flush();
    }
    const { httpAddress } = controller;
    const { workers } = (await (await fetch(`${httpAddress}/v1/workers`)).json()) as {
      workers: { worker: string }[];
    };
    expect(workers.map(({ worker }) => worker)).toEqual(expect.arrayContaining([...propertyNames]));
    const metrics = await (await fetch(`${httpAddress}/metrics`)).text();
    for (const name of propertyNames) {
      expect(metrics).toMatch(new RegExp(`^offramp_fleet_devices{group="${name}",[^}]*} 1$`, 'm'));
    }
    let seen = '';
    for await (const chunk of (await fetch(`${httpAddress}/v1/stream`)).body ?? []) {
      seen += Buffer.from(chunk).toString();
      if (propertyNames.every((name) => seen.includes(`{"group":"${name}","standings"`))) break;
    }
    const silentGroups = async () => {
      clock.advance(1_000);
      const events = await client.listEvents();
      return events.filter(({ kind }) => kind === 'devices-silent').map(({ group }) => group);
    };
    await expect.poll(silentGroups, eventually).toEqual(expect.arrayContaining([...propertyNames]));
    await reports.ofDevice('north', 'new');
    await expect.poll(devices, eventually).toContain('north/new');
  });
});
