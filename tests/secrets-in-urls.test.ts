import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { startNatsServer } from '@offramp/contracts/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { agentArguments, CommandLine, type Ended, runHere, workerArguments } from './support/command-line.js';
import { bundlePath, picturesPath, temporaryFolder } from './support/example.js';

const user = 'fleet-operator';
const password = 'p4ss-w0rd';
const wrong = 'wr0ng-w0rd';
const secret = new RegExp(`${user}|${password}|${wrong}`, 'i');

let server: Awaited<ReturnType<typeof startNatsServer>>;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const urlWith = (credentials: string) => `nats://${credentials}@127.0.0.1:${server.port}`;

beforeAll(async () => {
  folder = await temporaryFolder();
  const configFile = join(folder.path, 'nats.conf');
  const users = [
    { user: 'anybody', password: 'anybody' },
    { user, password },
  ];
  await writeFile(
    configFile,
    JSON.stringify({
      no_auth_user: 'anybody',
      authorization: { users },
    }),
  );
  server = await startNatsServer({ configFile });
});

afterAll(async () => {
  await server.stop();
  await folder.remove();
});

const expectNoSecret = (texts: readonly string[]) => {
  for (const text of texts) expect(text).not.toMatch(secret);
};

describe('a password in a URL', () => {
  it('opens the server, and is neither printed nor logged nor answered by any program', async () => {
    const hook = createServer((_, response) => response.writeHead(500).end()).listen(0, '127.0.0.1');
    await once(hook, 'listening');
    onTestFinished(() => void hook.close());
    const { port } = hook.address() as { port: number };
    const nats = ['--nats', urlWith(`${user}:${password}`)];
    const debug = ['--log-level', 'trace'];
    const controller = new CommandLine(
      ...['controller', ...nats, ...debug, '--listen', '127.0.0.1:0'],
      ...['--webhook', `http://${user}:${password}@127.0.0.1:${port}/${wrong}?token=${wrong}`],
    );
    const [ready, api = ''] = await controller.output(/controller ready on .* at (\S+)/);
    expect(ready).toContain(`nats://***@127.0.0.1:${server.port}`);
    const listening = ['--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0'];
    const agent = new CommandLine(...agentArguments(bundlePath, ...nats, ...debug, ...listening));
    const worker = new CommandLine(...workerArguments(bundlePath, ...nats, ...debug));
    await Promise.all([agent.output(/connected to NATS/), worker.output(/connected to NATS/)]);
    const asked = await Promise.all([
      runHere('health', 'controller', ...nats),
      runHere('fleet', 'goal', 'set', 'default', '--agreement', '0.98', ...nats),
      runHere('fleet', 'ls', ...nats),
    ]);
    expect(asked.map(({ status }) => status)).toEqual([0, 0, 0]);
    await controller.output(/the webhook does not accept events/);
    const pages = await Promise.all(
      ['/', '/v1/devices', '/v1/events', '/v1/groups', '/metrics', `/none?token=${password}`].map(
        async (path) => (await fetch(new URL(path, api))).text(),
      ),
    );
    const ended = await Promise.all([agent, worker, controller].map((program) => program.interrupt()));
    expectNoSecret([...pages, ...[...asked, ...ended].flatMap(({ stdout, stderr }) => [stdout, stderr])]);
  });

  it('is not in the error of a server that refuses it or does not answer', async () => {
    const refused = ['--nats', urlWith(`${user}:${wrong}`)];
    const absent = ['--nats', `nats://${user}:${password}@127.0.0.1:1`];
    const agent = new CommandLine(...agentArguments(bundlePath, ...refused, '--listen', '127.0.0.1:0'));
    const worker = new CommandLine(...workerArguments(bundlePath, ...absent));
    const ended = await Promise.all([
      runHere('controller', ...refused),
      runHere('fleet', 'ls', ...absent),
      runHere('health', 'controller', ...refused),
      agent.output(/refuses the login/).then(() => agent.interrupt()),
      worker.output(/no NATS server answers/).then(() => worker.interrupt()),
    ]);
    const [controller, ls, health, ofAgent, ofWorker] = ended.map(({ stderr }) => stderr);
    for (const text of [controller, health]) {
      expect(text).toContain(
        `error [NATS_REFUSED]: the NATS server at nats://127.0.0.1:${server.port} refuses`,
      );
    }
    expect(ofAgent).toContain(`the NATS server at nats://127.0.0.1:${server.port} refuses the login`);
    for (const text of [ls, ofWorker]) expect(text).toContain('no NATS server answers at nats://127.0.0.1:1');
    expectNoSecret(ended.flatMap(({ stdout, stderr }) => [stdout, stderr]));
  });

  it.each<[string, (url: string, file: string) => string[]]>([
    ['is wrong', (url) => ['fleet', 'ls', '--nats', url.replace('@', ' "@')]],
    ['has no scheme', (url) => ['fleet', 'ls', '--nats', url.replace('nats://', '')]],
    ['is given twice', (url) => ['fleet', 'ls', '--nats', url, '--nats', url]],
    ['is that of another option', (url) => ['controller', '--listen', url]],
    ['is that of an option that there is not', (url) => ['fleet', 'ls', `--natz=${url}`]],
    ['has no option', (url) => ['fleet', 'ls', url]],
    ['is a command', (url) => ['fleet', url]],
    ['is a number', (url) => ['agent', '--bundle', bundlePath, '--source', picturesPath, '--limit', url]],
    ['is a file', (url) => ['evaluate', url, '--data', url]],
    ['is in a broken file', (_, file) => ['fleet', 'ls', '--config', file]],
  ])('is not in the error where the URL %s', async (_, command) => {
    const url = urlWith(`${user}:${password}`);
    const file = join(folder.path, 'broken.yaml');
    await writeFile(file, `nats: "${url}${'/'.repeat(80)}\ntimeout-ms: [\n`);
    const ended: Ended = await runHere(...command(url, file));
    expect(ended.status).not.toBe(0);
    expect(ended.stderr).toMatch(/^error \[/);
    expectNoSecret([ended.stdout, ended.stderr]);
  });
});
