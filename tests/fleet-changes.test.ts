import { connectBus, controllerEndpoints, controllerSubject, openControlBucket } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { ControllerClient } from '@offramp/controller';
import type { NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CommandLine, expectError, runHere } from './support/command-line.js';

let nats: NatsServer;
let bus: NatsConnection;
const fleet = (...args: string[]) => runHere('fleet', ...args, '--nats', nats.url);

beforeAll(async () => {
  nats = await startNatsServer();
  bus = await connectBus({ url: nats.url, name: 'test' });
});
afterAll(async () => {
  await bus.close();
  await nats.stop();
});

async function startedController(): Promise<CommandLine> {
  const controller = new CommandLine('controller', '--nats', nats.url);
  await controller.output(/^controller ready/m);
  return controller;
}

const versions = async (group: string) =>
  JSON.parse((await fleet('policy', 'history', group, '--json')).stdout).map(
    ({ version }: { version: number }) => version,
  );

test('a change that a busy controller answers late is asked for again and made once', async () => {
  const controller = await startedController();
  const client = new ControllerClient(bus, { timeoutMs: 2_000 });
  await client.setPolicy('late', { thresholds: [0.9, 0.8] });
  await client.setPolicy('late', { thresholds: [0.7, 0.6] });
  for (const [endpoint, change] of [
    ['rollBack', () => client.rollBack('late', 1)],
    ['setMode', () => client.setMode('late', 'frozen')],
  ] as const) {
    const requests = bus.subscribe(`${controllerSubject}.${controllerEndpoints[endpoint]}`, { max: 2 });
    await bus.flush();
    controller.pause();
    const made = change();
    for await (const _ of requests) if (requests.getReceived() === 2) controller.resume();
    await made;
  }
  expect(await versions('late')).toEqual([1, 2, 3]);
  const bucket = await openControlBucket(bus);
  expect((await bucket.get('goals.late'))?.json()).toMatchObject({
    mode: 'frozen',
    changes: [{ what: 'mode' }],
  });
});

test('a rollback that no controller answers says that its outcome is unknown, and is made once when it is repeated', async () => {
  const controller = await startedController();
  for (const threshold of ['0.9', '0.8'])
    await fleet('policy', 'set', 'unknown', '--thresholds', `${threshold},1`);
  controller.pause();
  const rollback = ['rollback', 'unknown', '--to-version', '1'];
  const ended = await fleet(...rollback, '--timeout-ms', '300');
  expectError(
    ended,
    'OUTCOME_UNKNOWN',
    /has answered within 900 ms, asked 3 times.*whether the change is made is not known$/,
  );
  const [, requestId = ''] = /--request-id (\S+) makes it only once/.exec(ended.stderr) ?? [];
  expect(ended.stderr).toContain('`offramp fleet policy history unknown` shows');
  controller.resume();
  await expect.poll(() => versions('unknown'), { timeout: 20_000 }).toEqual([1, 2, 3]);
  expect(await fleet(...rollback, '--request-id', requestId)).toMatchObject({
    ...{ status: 0, stdout: 'group unknown: policy 3, with the thresholds of policy 1 for any bundle\n' },
  });
  expect(await versions('unknown')).toEqual([1, 2, 3]);
});
