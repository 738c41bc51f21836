import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { startNatsServer } from '@offramp/contracts/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  agentArguments,
  CommandLine,
  expectError,
  runHere,
  workerArguments,
} from '../support/command-line.js';
import { bundlePath, picturesPath, temporaryFolder } from '../support/example.js';

const pictures = ['--source', picturesPath, '--limit', '1'];

describe('wrong usage', () => {
  it.each([
    ['USAGE', ['nonsense'], "unknown command 'nonsense'"],
    ['USAGE', ['fleet', 'nonsense'], "unknown command 'nonsense'"],
    ['USAGE', ['agent', '--nonsense'], "unknown option '--nonsense'"],
    ['USAGE', ['fleet', 'policy', 'set', '--nonsense'], "unknown option '--nonsense'"],
    ['USAGE', ['worker', '--bundle'], "option '--bundle <value,...>' argument missing"],
    ['USAGE', ['inspect'], "missing required argument 'model'"],
    ['USAGE', ['evaluate', 'one', 'two'], 'too many arguments'],
    ['CONFIG_INVALID', ['agent'], '--bundle: expected a value; found nothing'],
    ['CONFIG_INVALID', agentArguments(bundlePath), 'expected --source, --listen or both'],
    [
      'CONFIG_INVALID',
      agentArguments(bundlePath, '--threads', 'many'),
      '--threads: expected number; found "many"',
    ],
    ['CONFIG_INVALID', agentArguments(bundlePath, ...pictures, '--shard', '3'), '--shard: expected i/n'],
    ['CONFIG_INVALID', agentArguments(bundlePath, ...pictures, '--shard', '3/3'), '--shard: expected i/n'],
    [
      'CONFIG_INVALID',
      agentArguments(bundlePath, ...pictures, '--device-stages', '99'),
      'the stages of the bundle',
    ],
    [
      'CONFIG_INVALID',
      agentArguments(bundlePath, ...pictures, '--cloud', 'nowhere'),
      '--cloud: expected an address like',
    ],
    [
      'CONFIG_INVALID',
      agentArguments(bundlePath, ...pictures, '--group', 'a.b'),
      '--group: expected 1 to 64 letters',
    ],
    [
      'CONFIG_INVALID',
      agentArguments(bundlePath, ...pictures, '--cloud', 'localhost:7400', '--cloud', 'localhost:7401'),
      '--cloud: expected one value; found "localhost:7400" and "localhost:7401"',
    ],
    ['CONFIG_INVALID', ['worker'], '--bundle: expected at least one bundle folder; found nothing'],
    [
      'CONFIG_INVALID',
      workerArguments(bundlePath, '--listen', '127.0.0.1'),
      '--listen: expected an address like',
    ],
    ['CONFIG_INVALID', ['controller', '--listen', '80'], '--listen: expected an address like'],
    [
      'CONFIG_INVALID',
      ['plan', bundlePath, '--bandwidth', '2mbit', '--rtt', '40ms', '--thresholds', '0.5'],
      /--thresholds: expected \d+ thresholds, one per branch of the bundle; found 1/,
    ],
    ['CONFIG_INVALID', workerArguments(bundlePath, '--bundle', bundlePath), 'are the same'],
    ['CONFIG_INVALID', ['controller', '--log-level', 'loud'], '--log-level: expected one of'],
    ['CONFIG_INVALID', ['evaluate', bundlePath], '--data: expected a value; found nothing'],
    ['FILE_NOT_FOUND', ['controller', '--config', '/nowhere.yaml'], 'cannot read /nowhere.yaml'],
  ])('%s: offramp %j', async (code, args, message) => {
    expectError(await runHere(...args), code, message);
  });

  it('an option of a file that does not exist is named with its file', async () => {
    const folder = await temporaryFolder();
    try {
      const file = join(folder.path, 'agent.yaml');
      await writeFile(file, 'max-inflight: 3\n');
      expectError(
        await runHere(...agentArguments(bundlePath, '--config', file)),
        'CONFIG_INVALID',
        'agent.yaml: unknown option max-inflight; expected one of bundle, source',
      );
    } finally {
      await folder.remove();
    }
  });
});

describe('an address in use', () => {
  let server: Server;
  let address: string;

  beforeAll(async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bound = server.address();
    address = `127.0.0.1:${typeof bound === 'object' && bound ? bound.port : 0}`;
  });

  afterAll(() => {
    server.close();
  });

  it('stops the worker', async () => {
    expectError(
      await runHere(...workerArguments(bundlePath, '--listen', address)),
      'PORT_IN_USE',
      `${address} is already in use`,
    );
  });

  it('stops the agent, before it answers anything', async () => {
    expectError(
      await runHere(...agentArguments(bundlePath, ...pictures, '--listen', address)),
      'PORT_IN_USE',
      `${address} is already in use`,
    );
  });

  it('stops the controller, which has read the reports by then', async () => {
    const nats = await startNatsServer();
    try {
      const ended = await runHere('controller', '--nats', nats.url, '--listen', address);
      expectError(ended, 'PORT_IN_USE', `${address} is already in use`);
    } finally {
      await nats.stop();
    }
  });

  it('leaves alone who listens on a Unix socket already', async () => {
    const folder = await temporaryFolder();
    try {
      const socket = `unix:${join(folder.path, 'agent.sock')}`;
      const first = new CommandLine(...agentArguments(bundlePath, '--listen', socket));
      await first.output(/HTTP API listens/);
      const second = await runHere(...agentArguments(bundlePath, '--listen', socket));
      expectError(second, 'PORT_IN_USE', 'agent.sock is already in use');
      expect(first.isRunning).toBe(true);
      expect(await first.interrupt()).toMatchObject({ status: 0 });
    } finally {
      await folder.remove();
    }
  });

  it('is told from one that cannot be listened on', async () => {
    expectError(
      await runHere(...workerArguments(bundlePath, '--listen', '192.0.2.1:7400', '--insecure')),
      'LISTEN_FAILED',
      'cannot listen on 192.0.2.1:7400',
    );
  });
});
