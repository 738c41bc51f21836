import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { startWorker, type Worker, workerConfig } from '@offramp/cloud-worker';
import { TestAuthority } from '@offramp/contracts/testing';
import { agentConfig, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
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

async function serve(uri = workerId): Promise<{ worker: Worker; options: Record<string, string> }> {
  const options = { tlsCa, ...(await authority.write('worker', { uris: [uri] })) };
  const worker = await startWorker(
    await resolveConfig(workerConfig, { bundle: [bundlePath], listen: '127.0.0.1:0', ...options }, {}),
    logger,
  );
  onTestFinished(() => worker.stop());
  return { worker, options };
}

/** Runs an agent to the end of its samples, none of which exits on the device while a worker answers. */
async function runAgent(worker: Worker, options: Record<string, unknown>) {
  const output = new PassThrough();
  const lines = readAnswerLines(output);
  const config = await resolveConfig(
    agentConfig,
    {
      ...{ bundle: bundlePath, source: picturesPath, limit: 200, nats: 'none', deviceStages: 1 },
      ...{ cloud: worker.address, offloadTimeoutMs: 30_000, tlsCa, ...options },
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
  it('offloads over mutual TLS without losing a sample while certificates are renewed', async () => {
    const { worker } = await serve();
    const device = await authority.write('device', { uris: [deviceId] });
    let running = true;
    let renewals = 0;
    const renew = async () => {
      while (running) {
        await authority.write('worker', { uris: [workerId] });
        await authority.write('device', { uris: [deviceId] });
        renewals++;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    const renewing = renew();
    const { answers, totals } = await runAgent(worker, { ...device, rate: 60 });
    running = false;
    await renewing;
    expect(renewals).toBeGreaterThan(12);
    expect(answers).toHaveLength(200);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(200);
    expect(totals.offloaded).toBeGreaterThan(0);
    expect(totals.degraded).toBe(0);
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
