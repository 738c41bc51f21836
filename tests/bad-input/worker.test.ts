import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Client, credentials, status } from '@grpc/grpc-js';
import type { Bundle } from '@offramp/bundle';
import { offloadService } from '@offramp/contracts';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  agentArguments,
  answersOf,
  CommandLine,
  type Ended,
  expectNoStack,
  offramp,
  startedWorker,
} from '../support/command-line.js';
import { bundlePath, bundleWithThresholds, picturesPath, temporaryFolder } from '../support/example.js';

/** An address of this machine where no program listens. */
const nowhere = '127.0.0.1:1';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
/** The example under thresholds that no sample reaches: every sample is offloaded. */
let strict: Bundle;

beforeAll(async () => {
  folder = await temporaryFolder();
  strict = await bundleWithThresholds(join(folder.path, 'strict'), () => 2);
});

afterAll(() => folder.remove());

const offloading = (cloud: string, limit: number, ...rest: string[]) =>
  agentArguments(
    strict.directory,
    ...['--source', picturesPath, '--limit', String(limit), '--cloud', cloud, ...rest],
  );

/** Expects one answer for each of the first `count` pictures, and gives them. */
function everyAnswer(ended: Ended, count: number) {
  expect(ended.status, ended.stderr).toBe(0);
  const answers = answersOf(ended);
  expect(answers.map(({ id }) => id).sort((a, b) => a - b)).toEqual(
    Array.from({ length: count }, (_, i) => i + 1),
  );
  expectNoStack(ended);
  return answers;
}

/** The logged lines whose message matches. */
const logged = ({ stderr }: Ended, message: string) =>
  stderr.split('\n').filter((line) => line.startsWith('{') && JSON.parse(line).msg.includes(message));

describe('an agent without its worker', () => {
  it('answers everything by local exits, says once that there is no worker, and ends well', async () => {
    const ended = await offramp(...offloading(nowhere, 60));
    for (const { degraded, offloaded, exit } of everyAnswer(ended, 60)) {
      expect({ degraded, offloaded }).toEqual({ degraded: true, offloaded: false });
      expect(exit).toBeLessThan(strict.manifest.deviceStages);
    }
    expect(logged(ended, 'no worker; local exits answer')).toHaveLength(1);
  });

  it('goes on when the worker is killed while it runs, and comes back to the next one', async () => {
    const first = await startedWorker(strict.directory);
    const agent = new CommandLine(
      ...offloading(first.address, 0, '--loop', '--rate', '100', '--reconnect-max-ms', '100'),
    );
    await agent.output(/"offloaded":true,"degraded":false/);
    first.worker.kill();
    await agent.output(/"degraded":true/);
    const before = agent.stdout.length;
    await startedWorker(strict.directory, '--listen', first.address);
    await expect
      .poll(() => agent.stdout.slice(before), { timeout: 60_000 })
      .toMatch(/"offloaded":true,"degraded":false/);
    const ended = await agent.interrupt();
    everyAnswer(ended, answersOf(ended).length);
  });

  it('is told once that the worker serves another bundle, and answers by local exits', async () => {
    const { worker, address } = await startedWorker(bundlePath);
    const ended = await offramp(...offloading(address, 60));
    for (const { degraded } of everyAnswer(ended, 60)) expect(degraded).toBe(true);
    const refusals = logged(ended, 'the worker refuses samples');
    expect(refusals).toHaveLength(1);
    expect(JSON.parse(refusals[0] ?? '')).toMatchObject({
      code: status.NOT_FOUND,
      reason: expect.stringContaining(strict.digest.slice(0, 12)),
    });
    expect(await worker.interrupt()).toMatchObject({ status: 0 });
  });
});

describe('garbage for the worker', () => {
  /** Bytes that look random, the same in every run. */
  function garbage(seed: string, length: number): Buffer {
    const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
      createHash('sha256').update(`${seed}${i}`).digest(),
    );
    return Buffer.concat(blocks).subarray(0, length);
  }

  /** Writes bytes straight to the port, and waits until the worker has closed the connection. */
  async function throwAt(address: string, bytes: Buffer): Promise<void> {
    const [host = '', port = ''] = address.split(':');
    const socket = connect(Number(port), host);
    onTestFinished(() => {
      socket.destroy();
    });
    socket.on('error', () => undefined); // A reset is a way to close, too.
    const closed = new Promise((resolve) => socket.resume().once('close', resolve));
    socket.end(bytes);
    await closed;
  }

  /** Sends these bytes as messages of the call that devices make. @returns the status it ended with */
  async function resumeWith(address: string, ...messages: Buffer[]): Promise<number> {
    const client = new Client(address, credentials.createInsecure());
    onTestFinished(() => client.close());
    const asTheyAre = (bytes: Buffer) => bytes;
    const call = client.makeBidiStreamRequest(offloadService.Resume.path, asTheyAre, asTheyAre);
    call.on('error', () => undefined); // Comes as the status, too.
    call.on('data', () => undefined);
    const code = new Promise<number>((resolve) => call.once('status', (ended) => resolve(ended.code)));
    for (const message of messages) call.write(message);
    call.end();
    return code;
  }

  const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

  it('disturbs no client whose samples are being answered', async () => {
    const { worker, address } = await startedWorker(strict.directory);
    const count = 200;
    const pace = ['--rate', '100', '--offload-timeout-ms', '60000'];
    const agent = new CommandLine(...offloading(address, count, ...pace));
    await agent.output(/"offloaded":true/);

    await Promise.all([
      throwAt(address, garbage('bytes', 100_000)),
      throwAt(address, Buffer.from('GET / HTTP/1.1\r\nHost: worker\r\n\r\n')),
      throwAt(address, Buffer.concat([http2Preface, garbage('frames', 100_000)])),
      throwAt(address, Buffer.concat([http2Preface, Buffer.from('ffffff0000000000ff', 'hex')])),
    ]);
    expect(await resumeWith(address, garbage('message', 1_000))).not.toBe(status.OK);
    expect(await resumeWith(address, Buffer.alloc(0), garbage('message', 70))).not.toBe(status.OK);
    expect(await resumeWith(address, Buffer.alloc(64 * 2 ** 20))).toBe(status.RESOURCE_EXHAUSTED);
    expect(agent.isRunning).toBe(true);

    for (const { degraded, offloaded, exit } of everyAnswer(await agent.ended, count)) {
      expect({ degraded, offloaded, exit }).toEqual({
        degraded: false,
        offloaded: true,
        exit: strict.branches,
      });
    }
    const ended = await worker.interrupt();
    expect(ended.status).toBe(0);
    expectNoStack(ended);
  });
});
