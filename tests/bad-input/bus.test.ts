import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  agentArguments,
  answersOf,
  CommandLine,
  expectError,
  expectNoStack,
  offramp,
  runHere,
} from '../support/command-line.js';
import { bundlePath, picturesPath } from '../support/example.js';

/** An address of this machine where no program listens. */
const nowhere = 'nats://127.0.0.1:1';

const fleetCommands = [
  ['ls'],
  ['top'],
  ['policy', 'get', 'cameras'],
  ['policy', 'set', 'cameras', '--threshold', '0.9'],
  ['policy', 'history', 'cameras'],
  ['evidence', 'cameras'],
].map((command) => ['fleet', ...command]);

describe('without a NATS server', () => {
  it.each([['controller'], ...fleetCommands])('offramp %s %s %s says so', async (...command) => {
    const ended = await runHere(...command.filter(Boolean), '--nats', nowhere);
    expectError(ended, 'NATS_UNAVAILABLE', `no NATS server answers at ${nowhere}`);
  });

  it('the agent answers as ever', async () => {
    const ended = await offramp(
      ...agentArguments(bundlePath, '--source', picturesPath, '--limit', '40', '--nats', nowhere),
    );
    expect(ended.status, ended.stderr).toBe(0);
    expect(answersOf(ended).map(({ id }) => id)).toHaveLength(40);
    expect(new Set(answersOf(ended).map(({ policyVersion }) => policyVersion))).toEqual(new Set([0]));
    expectNoStack(ended);
  });
});

describe('with a NATS server', () => {
  let nats: NatsServer;

  beforeAll(async () => {
    nats = await startNatsServer();
  });

  afterAll(() => nats.stop());

  it.each(fleetCommands)('but no controller, offramp %s %s %s says so', async (...command) => {
    const ended = await runHere(...command.filter(Boolean), '--nats', nats.url);
    expectError(ended, 'CONTROLLER_UNAVAILABLE', 'controller');
  });

  it('that has no JetStream, the controller says so', async () => {
    const plain = await startNatsServer({ jetStream: false });
    try {
      expectError(
        await runHere('controller', '--nats', plain.url),
        'JETSTREAM_UNAVAILABLE',
        'runs without JetStream',
      );
    } finally {
      await plain.stop();
    }
  });

  it('the controller refuses wrong policies and names, and serves on', async () => {
    const controller = new CommandLine('controller', '--nats', nats.url);
    await controller.output(/^controller ready/m);
    const set = (...rest: string[]) => runHere('fleet', 'policy', 'set', ...rest, '--nats', nats.url);
    expectError(await set('a.b', '--threshold', '0.5'), 'CONFIG_INVALID', 'group: expected 1 to 64 letters');
    expectError(
      await set('cameras', '--threshold=-1'),
      'CONFIG_INVALID',
      '--threshold: expected at least 0; found -1',
    );
    expectError(await set('cameras', '--threshold', '0.5'), 'POLICY_INVALID', 'has no devices yet');
    expectError(await set('cameras'), 'USAGE', 'expected either --threshold or --thresholds');
    expect(await set('cameras', '--thresholds', '0.9,0.8')).toMatchObject({ status: 0 });
    const ended = await controller.interrupt();
    expect(ended.status).toBe(0);
    expectNoStack(ended);
  });
});
