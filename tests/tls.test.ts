import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { startWorker, type Worker, workerConfig } from '@offramp/cloud-worker';
import { TestAuthority } from '@offramp/contracts/testing';
import { type Agent, agentConfig, startAgent } from '@offramp/edge-agent';
import { type Clock, createLogger, resolveConfig, systemClock } from '@offramp/runtime';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { readAnswerLines } from './support/answers.js';
import { CommandLine } from './support/command-line.js';
import { bundlePath, picturesPath, temporaryFolder } from './support/example.js';

const logger = createLogger('test', 'silent');
const deviceId = 'spiffe://fleet.example/device/cameras/camera-1';
const workerId = 'spiffe://fleet.example/worker/worker-1';

let authority: TestAuthority;
let folder: string;
let tlsCa: string;

beforeAll(async () => {
  const made = await temporaryFolder();
  folder = made.path;
  authority = await TestAuthority.create(folder);
  tlsCa = join(folder, 'ca.crt');
  await writeFile(tlsCa, authority.certificate);
  return () => made.remove();
});

interface Served {
  worker: Worker;
  options: Record<string, string>;
  serialNumber: string;
}

async function serve(uri = workerId, validMs = 3_600_000): Promise<Served> {
  const options = { tlsCa, ...(await authority.write('worker', { uris: [uri], validMs })) };
  const { serialNumber } = new X509Certificate(await readFile(options.tlsCert));
  const worker = await startWorker(
    await resolveConfig(workerConfig, { bundle: [bundlePath], listen: '127.0.0.1:0', ...options }, {}),
    logger,
  );
  onTestFinished(() => worker.stop());
  return { worker, options, serialNumber };
}

/** Files and connections are looked at twenty times a second, instead of once. */
const fastClock: Clock = {
  ...systemClock,
  after: (delayMs, callback) => systemClock.after(delayMs === 1_000 ? 50 : delayMs, callback),
};

/** An agent that takes samples until it is stopped, none of which exits on the device while a worker answers. */
async function startFastAgent(worker: Worker, options: Record<string, unknown>) {
  const output = new PassThrough();
  const config = await resolveConfig(
    agentConfig,
    {
      ...{ bundle: bundlePath, source: picturesPath, loop: true, nats: 'none', deviceStages: 1 },
      ...{ group: 'cameras', device: 'camera-1', cloud: worker.address, offloadTimeoutMs: 600_000 },
      ...{ drainMs: 600_000, tlsCa, ...options },
    },
    {},
  );
  const lines = readAnswerLines(output);
  const agent = await startAgent(config, logger, { output, clock: fastClock });
  onTestFinished(() => agent.stop());
  const ended = agent.done.then(() => {
    output.end();
    return lines;
  });
  return { agent, ended };
}

const movesOf = (agent: Agent) => agent.status().cloud?.counters.moves ?? 0;

const until = (holds: () => boolean) =>
  vi.waitFor(() => expect(holds()).toBe(true), { timeout: 60_000, interval: 20 });

/** Runs an agent to the end of its samples, none of which exits on the device while a worker answers. */
async function runAgent(worker: Worker, options: Record<string, unknown>) {
  const output = new PassThrough();
  const lines = readAnswerLines(output);
  const config = await resolveConfig(
    agentConfig,
    {
      ...{ bundle: bundlePath, source: picturesPath, limit: 200, nats: 'none', deviceStages: 1 },
      ...{ group: 'cameras', device: 'camera-1', cloud: worker.address, offloadTimeoutMs: 30_000 },
      ...{ tlsCa, ...options },
    },
    {},
  );
  const agent = await startAgent(config, logger, { output });
  await agent.done;
  const { totals } = agent.status();
  output.end();
  return { answers: await lines, totals };
}

describe('an agent', () => {
  it('moves to new connections when certificates are renewed, and loses no sample in 50 renewals', async () => {
    const { worker } = await serve();
    const device = await authority.write('device', { uris: [deviceId] });
    const { agent, ended } = await startFastAgent(worker, { ...device, rate: 300 });
    for (let renewals = 1; renewals <= 50; renewals++) {
      await authority.write('worker', { uris: [workerId] });
      await authority.write('device', { uris: [deviceId] });
      await until(() => movesOf(agent) >= renewals);
    }
    await agent.stop();
    const answers = await ended;
    const { totals, cloud } = agent.status();
    expect(totals.offloaded).toBeGreaterThan(100);
    expect(answers.map(({ id }) => id).sort((a, b) => a - b)).toEqual(answers.map((_, i) => i + 1));
    expect(totals).toMatchObject({ samples: answers.length, degraded: 0, failed: 0, refused: 0 });
    expect(cloud?.counters).toMatchObject({
      answered: totals.offloaded,
      broken: 0,
      timeouts: 0,
    });
  });

  it('sends nothing in plain text to another machine, unless it is allowed', async () => {
    const start = async (options: Record<string, unknown>) => {
      const own = { bundle: bundlePath, source: picturesPath, limit: 1, nats: 'none', deviceStages: 1 };
      const config = await resolveConfig(
        agentConfig,
        { ...own, cloud: 'worker.invalid:7400', ...options },
        {},
      );
      const agent = await startAgent(config, logger, { output: new PassThrough().resume() });
      await agent.stop();
    };
    await expect(start({})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: '--cloud: expected TLS, or an address of this machine; found plain text for worker.invalid',
    });
    await start({ insecure: true });
    await start({ tlsCa });
  });

  it("moves before its worker's certificate expires", async () => {
    const { worker } = await serve(workerId, 4_000);
    const device = await authority.write('device', { uris: [deviceId] });
    const { agent } = await startFastAgent(worker, { ...device, rate: 20 });
    await authority.write('worker', { uris: [workerId] });
    await until(() => movesOf(agent) === 1);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(agent.status().totals).toMatchObject({ degraded: 0 });
    expect(agent.status().cloud).toMatchObject({ state: 'ready', counters: { moves: 1, broken: 0 } });
  });

  it.each([
    ['is revoked', 3_600_000],
    ['expires', 4_000],
  ])('ends the link to a worker whose certificate %s', async (what, validMs) => {
    const { worker, serialNumber } = await serve(workerId, validMs);
    const device = await authority.write('device', { uris: [deviceId] });
    const tlsCrl = join(folder, 'ca.crl');
    await writeFile(tlsCrl, await authority.revoke());
    const { agent } = await startFastAgent(worker, { ...device, tlsCrl, rate: 20 });
    await until(() => agent.status().totals.offloaded > 0);
    if (what === 'is revoked') await writeFile(tlsCrl, await authority.revoke(serialNumber));
    await until(() => (agent.status().cloud?.counters.reconnects ?? 0) > 1);
    expect(agent.status().cloud?.state).not.toBe('ready');
    await agent.stop();
  });

  it.each([
    ['another group', { group: 'doors' }, 'doors/camera-1'],
    ['another name', { device: 'camera-2' }, 'cameras/camera-2'],
  ])('does not start with %s than its certificate has', async (_, named, expected) => {
    const device = await authority.write('device', { uris: [deviceId] });
    const options = {
      bundle: bundlePath,
      source: picturesPath,
      nats: 'none',
      group: 'cameras',
      device: 'camera-1',
    };
    const config = await resolveConfig(agentConfig, { ...options, tlsCa, ...device, ...named }, {});
    await expect(startAgent(config, logger, { output: new PassThrough() })).rejects.toMatchObject({
      code: 'CREDENTIALS_INVALID',
      message: expect.stringContaining(
        `of spiffe://fleet.example/device/${expected}, as --group and --device say; found that of ${deviceId}`,
      ),
    });
  });

  it('answers by itself where the worker is of another fleet, revoked or from another authority', async () => {
    const device = await authority.write('device', { uris: [deviceId] });
    const other = await serve('spiffe://other.example/worker/worker-1');
    expect((await runAgent(other.worker, device)).totals.offloaded).toBe(0);

    const { worker } = await serve();
    const foreign = join(folder, 'foreign.crt');
    await writeFile(foreign, (await TestAuthority.create(folder, 'CN=Foreign')).certificate);
    expect((await runAgent(worker, { ...device, tlsCa: foreign })).totals.offloaded).toBe(0);
    expect(worker.stats.counts().samples).toBe(0);
  });

  it('without a certificate of its own knows workers by the name of their host', async () => {
    const { worker } = await serve();
    const { totals } = await runAgent(worker, {});
    expect(totals).toMatchObject({ offloaded: 0 });
  });
});

describe('offramp health worker', () => {
  it("asks with the worker's own certificate", async () => {
    const { worker, options } = await serve();
    const flags = Object.entries(options).flatMap(([key, path]) => [
      key.replace('tls', '--tls-').toLowerCase(),
      path,
    ]);
    expect(
      await new CommandLine('health', 'worker', '--listen', worker.address, ...flags).ended,
    ).toMatchObject({ status: 0 });
  });
});
