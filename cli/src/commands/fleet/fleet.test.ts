import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CloudLink, connectBus, Lifecycle, telemetrySubject, v1 } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import type { NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../testing/index.js';

const bin = fileURLToPath(new URL('../../../bin/offramp.js', import.meta.url));

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

interface Started {
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  ended: Promise<Ended>;
}

function start(...args: string[]): Started {
  const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([status]) => ({
    status: status as number | null,
    stdout,
    stderr,
  }));
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

let nats: NatsServer;
let bus: NatsConnection;
const run = (...args: string[]) => runCommand([...args, '--nats', nats.url]);

async function startController() {
  const controller = start('controller', '--nats', nats.url);
  const ready = expect
    .poll(controller.stdout, { timeout: 60_000 })
    .toBe(`controller ready on ${nats.url}\n`)
    .then(() => null);
  const endedEarly = await Promise.race([ready, controller.ended]);
  expect(endedEarly).toBeNull();
  return controller;
}

beforeAll(async () => {
  nats = await startNatsServer();
  bus = await connectBus({ url: nats.url, name: 'test' });
});

afterAll(async () => {
  await bus.close();
  await nats.stop();
});

describe('offramp controller', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'prints that it is ready, and exits with status 0 on %s',
    async (signal) => {
      const controller = await startController();
      controller.child.kill(signal);
      expect(await controller.ended).toMatchObject({ status: 0 });
    },
  );

  it('reports that there is no NATS server', async () => {
    expect(await runCommand(['controller', '--nats', 'nats://127.0.0.1:1'])).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining(
        'error [NATS_UNAVAILABLE]: no NATS server answers at nats://127.0.0.1:1',
      ),
    });
  });
});

describe('offramp fleet', () => {
  it('reports that there is no controller', async () => {
    expect(await run('fleet', 'ls')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('error [CONTROLLER_UNAVAILABLE]'),
    });
  });

  it.each([
    [['fleet', 'nonsense']],
    [['fleet', 'ls', '--nonsense']],
    [['fleet', 'policy', 'get']],
    [['fleet', 'policy', 'set', 'cameras']],
    [['fleet', 'policy', 'set', 'cameras', '--threshold', '1', '--thresholds', '1,1']],
    [['fleet', 'policy', 'set', 'cameras', '--threshold', 'high']],
    [['fleet', 'policy', 'set', 'cameras', '--threshold', '-1']],
    [['fleet', 'policy', 'set', 'cameras', '--thresholds', '0.9,-1']],
    [['fleet', 'policy', 'set', 'cameras', '--audit-rate', '1.5']],
    [['fleet', 'evidence']],
    [['fleet', 'goal', 'set', 'cameras']],
    [['fleet', 'goal', 'set', 'cameras', '--latency', 'fast']],
    [['fleet', 'rollback', 'cameras', '--to-version', 'last']],
    [['fleet', 'explain']],
    [['fleet', 'bundle', 'add']],
  ])('refuses %j as wrong usage', async (args) => {
    const { status, stderr } = await runCommand(args);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error/);
    expect(stderr).not.toContain('    at ');
  });

  it('lists, shows, and sets policies', async () => {
    const controller = await startController();
    try {
      expect(await run('fleet', 'ls')).toMatchObject({ status: 0, stdout: 'no devices have reported yet\n' });
      const report = {
        ...{ device: 'cam-1', group: 'cameras', bootId: 'boot', sequence: 1, windowMs: 60_000 },
        state: {
          ...{ lifecycle: Lifecycle.LIFECYCLE_RUNNING, cloudLink: CloudLink.CLOUD_LINK_CONNECTED },
          ...{ bundleDigest: Buffer.alloc(32, 1), bundleName: 'shoes', branches: 2, deviceStages: 1 },
        },
        window: {
          ...{ samples: 600, exits: [300, 200, 100] },
          evidence: [{ policyVersion: 0, samples: 600, left: [300, 200, 100] }],
        },
      };
      const subject = telemetrySubject('cameras', 'cam-1');
      await bus.jetstream().publish(subject, v1.TelemetryReport.encode(report).finish());
      await expect
        .poll(async () => (await run('fleet', 'ls')).stdout, { timeout: 60_000 })
        .toContain('cam-1   cameras  online  010101010101 shoes     1/3       –      –  connected');

      const top = await run('fleet', 'top');
      expect(top.stdout).toContain('● cam-1     10.0   50  33  17    0.0 %');
      expect(top.stdout).not.toContain('\u001b');
      expect(JSON.parse((await run('fleet', 'top', '--json')).stdout)).toMatchObject({
        summary: { devices: 1, online: 1 },
        devices: [{ device: 'cam-1', state: { lifecycle: 'running', cloudLink: 'connected' } }],
      });

      const policy = (...args: string[]) => run('fleet', 'policy', ...args);
      expect((await policy('get', 'cameras')).stdout).toContain('group cameras has no policy');
      expect(await policy('set', 'cameras', '--threshold', '0.9', '--author', 'ada')).toMatchObject({
        ...{
          status: 0,
          stdout: 'group cameras: policy 1, thresholds 0.9 0.9 for bundle 010101010101, 1 device online\n',
        },
      });
      const second = ['set', 'cameras', '--thresholds', '0.8,2', '--reason', 'less cloud'];
      expect(await policy(...second, '--expect-version', '7')).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('error [POLICY_CONFLICT]: group cameras: expected policy 7'),
      });
      expect(await policy(...second, '--expect-version', '1')).toMatchObject({
        stdout: expect.stringContaining('policy 2, thresholds 0.8 2'),
        stderr: 'warning: 1 of 2 thresholds are above 1: no sample exits there\n',
      });
      expect((await policy('set', 'camera', '--thresholds', '0.8,0.7')).stderr).toBe(
        'warning: no device of group camera is online; `offramp fleet ls` lists all devices\n',
      );
      expect((await policy('get', 'cameras')).stdout).toMatch(
        /^group cameras: policy 2\nthresholds {2}0\.8 2\nfor {9}bundle 010101010101\naudits {6}none\nset .*\nreason {6}less cloud\n$/,
      );
      expect((await policy('history', 'cameras')).stdout).toMatch(/ 1 {2}.* ada .*\n +2 {2}.* less cloud\n$/);
      expect(JSON.parse((await policy('history', 'cameras', '--json')).stdout)).toMatchObject([
        { version: 1, thresholds: [0.9, 0.9], author: 'ada' },
        { version: 2, thresholds: [0.8, 2], reason: 'less cloud' },
      ]);
      expect((await run('fleet', 'ls')).stdout).toContain('–→2');

      expect((await policy('set', 'cameras', '--audit-rate', '0.01')).stdout).toBe(
        'group cameras: policy 3, thresholds 0.8 2 for bundle 010101010101, audits of 1 %, 1 device online\n',
      );
      expect((await policy('set', 'cameras', '--max-audit-bytes-per-hour', '2048')).stdout).toContain(
        'audits of 1 %',
      );
      expect((await policy('get', 'cameras')).stdout).toContain(
        'audits      1 % of samples, at most 2.0 KiB an hour and device\n',
      );
      expect((await policy('history', 'cameras')).stdout).toMatch(
        / 0\.8 never +010101010101 +– +less cloud\n.* 0\.8 never +010101010101 +1 %\n/,
      );
      expect((await run('fleet', 'evidence', 'cameras')).stdout).toContain('600 samples');
      expect(JSON.parse((await run('fleet', 'evidence', 'cameras', '--json')).stdout)).toMatchObject({
        bundles: [{ branches: 2, policies: [{ policyVersion: 0, left: [300, 200, 100] }] }],
      });
      expect((await run('fleet', 'evidence', 'doors')).stderr).toContain('error [NOT_FOUND]: group doors');
    } finally {
      controller.child.kill();
      await controller.ended;
    }
  });

  it('reports when following events is interrupted, and when it continues', async () => {
    let controller = await startController();
    const options = ['--follow', '--refresh-ms', '100', '--timeout-ms', '1000', '--nats', nats.url];
    const following = start('fleet', 'events', ...options);
    try {
      await expect.poll(following.stdout, { timeout: 60_000 }).toContain('leader');
      controller.child.kill();
      await controller.ended;
      await expect
        .poll(following.stderr, { timeout: 60_000 })
        .toMatch(/^cut off: no controller is connected to .*; asking again\n$/);
      controller = await startController();
      await expect.poll(following.stderr, { timeout: 60_000 }).toMatch(/again\ngoing on\n$/);
      await run('fleet', 'freeze', 'gates', '--reason', 'after the outage');
      await expect.poll(following.stdout, { timeout: 60_000 }).toContain('after the outage');
      following.child.kill('SIGINT');
      expect(await following.ended).toMatchObject({ status: 0 });
    } finally {
      following.child.kill('SIGKILL');
      controller.child.kill();
      await controller.ended;
    }
  });

  it('lists under `fleet` the events with that label, and refuses unknown groups', async () => {
    const controller = await startController();
    try {
      const events = (...args: string[]) => run('fleet', 'events', ...args);
      await expect
        .poll(async () => (await events()).stdout, { timeout: 20_000 })
        .toContain('  fleet  leader  ');
      await run('fleet', 'freeze', 'halls');
      await expect
        .poll(async () => (await events('halls')).stdout, { timeout: 20_000 })
        .toContain('mode-set');
      const all = (await events()).stdout.split('\n').filter((line) => line.includes('  fleet  '));
      expect((await events('fleet')).stdout.split('\n').filter(Boolean)).toEqual(all);
      expect(await events('hals')).toMatchObject({
        ...{ status: 1, stderr: expect.stringContaining('error [NOT_FOUND]: group hals has neither') },
      });
    } finally {
      controller.child.kill();
      await controller.ended;
    }
  });

  it('sets goals, explains them, freezes, rolls back and lists all of it as events', async () => {
    const controller = await startController();
    try {
      const fleet = (...args: string[]) => run('fleet', ...args);
      expect(await fleet('goal', 'get', 'doors')).toMatchObject({
        ...{ status: 1, stderr: expect.stringContaining('error [NOT_FOUND]: group doors has neither') },
      });
      const goals = ['--offload', '0.2', '--agreement', '0.98', '--reason', 'try', '--author', 'ada'];
      const warning = 'no device of group doors is online; `offramp fleet ls` lists all devices';
      expect(await fleet('goal', 'set', 'doors', ...goals)).toMatchObject({
        stdout: expect.stringMatching(
          /^group doors: --offload 0\.2 --agreement 0\.98\nmode {8}auto\nset .* by ada\nreason {6}try\n$/,
        ),
        stderr: `warning: ${warning}\n`,
      });
      expect(await fleet('goal', 'set', 'doors', '--agreement', '98')).toMatchObject({
        ...{ status: 2, stderr: expect.stringContaining('Did you mean --agreement 0.98?') },
      });
      expect(
        await fleet('goal', 'set', 'doors', '--agreement', '0.9', '--expect-revision', '7000'),
      ).toMatchObject({
        ...{ status: 1, stderr: expect.stringContaining('error [POLICY_CONFLICT]') },
      });
      expect(JSON.parse((await fleet('goal', 'get', 'doors', '--json')).stdout)).toMatchObject({
        goals: [{ kind: 'offload' }, { kind: 'agreement' }],
        author: 'ada',
      });
      await expect
        .poll(async () => (await fleet('explain', 'doors')).stdout, { timeout: 60_000 })
        .toMatch(/^group doors: no policy, mode auto\n(?:.*\n)*No device has reported yet\.\n$/);
      expect(await fleet('freeze', 'doors')).toMatchObject({
        ...{ stdout: 'group doors: mode frozen\n', stderr: `warning: ${warning}\n` },
      });
      expect((await fleet('resume', 'doors', '--json')).stdout).toContain('"mode": "auto"');
      expect(await fleet('rollback', 'doors')).toMatchObject({
        ...{ status: 1, stderr: expect.stringContaining('has no earlier policy') },
      });
      for (const threshold of ['0.9', '0.8']) {
        await fleet('policy', 'set', 'windows', '--thresholds', `${threshold},1`);
      }
      expect((await fleet('rollback', 'windows')).stdout).toBe(
        'group windows: policy 3, with the thresholds of policy 1 for any bundle\n',
      );
      expect((await fleet('goal', 'clear', 'doors')).stdout).toContain('group doors has no goal');
      const kinds = async () =>
        JSON.parse((await fleet('events', 'doors', '--json')).stdout).map(
          ({ kind }: { kind: string }) => kind,
        );
      await expect.poll(kinds, { timeout: 60_000 }).toContain('mode-set');
      expect((await fleet('events')).stdout).toContain('  fleet  leader  ');
      expect((await fleet('bundle', 'add', '/nowhere')).stderr).toContain('error [FILE_NOT_FOUND]');

      const following = start(
        'fleet',
        'events',
        'doors',
        '--follow',
        '--refresh-ms',
        '100',
        '--nats',
        nats.url,
      );
      await expect.poll(following.stdout, { timeout: 60_000 }).toContain('goals-set');
      await fleet('goal', 'set', 'doors', '--latency', '80ms', '--reason', 'something new');
      await expect.poll(following.stdout, { timeout: 60_000 }).toContain('something new');
      following.child.kill('SIGINT');
      expect(await following.ended).toMatchObject({ status: 0 });
    } finally {
      controller.child.kill();
      await controller.ended;
    }
  });
});
