import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startWorker, workerConfig } from '@offramp/cloud-worker';
import { startNatsServer } from '@offramp/contracts/testing';
import { controllerConfig, startController } from '@offramp/controller';
import { agentConfig, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCommand } from '../../testing/index.js';

const bundle = fileURLToPath(new URL('../../../../examples/fashion-mnist/bundle', import.meta.url));
const logger = createLogger('test', 'silent');

interface Ended {
  status: number;
  output: string;
}

async function health(args: string[], environment: Record<string, string> = {}): Promise<Ended> {
  const { status, stdout, stderr } = await runCommand(['health', ...args], environment);
  return { status, output: stdout + stderr };
}

/** Accepts connections, and answers nothing, or something that an agent would not. */
async function otherServer(answer: boolean): Promise<string> {
  const server: Server = createServer((_, response) => {
    if (answer) response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('offramp health agent', () => {
  it('finds an agent at the address in the environment, also on a Unix socket', async () => {
    const listen = `unix:${join(tmpdir(), `offramp-health-${process.pid}.sock`)}`;
    const config = await resolveConfig(agentConfig, { bundle, listen, nats: 'none', answers: 'none' }, {});
    const agent = await startAgent(config, logger, { output: process.stdout });
    onTestFinished(() => agent.stop());
    expect(await health(['agent'], { OFFRAMP_AGENT_LISTEN: listen })).toEqual({
      status: 0,
      output: `the agent at ${listen} is ready\n`,
    });
  });

  it('fails if nothing listens, nothing answers, or the agent is not ready', async () => {
    expect(await health(['agent', '--listen', '127.0.0.1:1'])).toMatchObject({
      status: 1,
      output: expect.stringMatching(/\[UNHEALTHY\]: the agent at 127.0.0.1:1 does not answer: .*REFUSED/),
    });
    expect(await health(['agent', '--listen', await otherServer(true)])).toMatchObject({
      status: 1,
      output: expect.stringContaining('is not ready: it answered with status 503'),
    });
    const silent = await otherServer(false);
    expect(await health(['agent', '--listen', silent, '--health-timeout-ms', '100'])).toMatchObject({
      status: 1,
      output: expect.stringContaining('does not answer within 100 ms'),
    });
  });

  it('requires an address', async () => {
    expect(await health(['agent'], { OFFRAMP_AGENT_LISTEN: '' })).toMatchObject({ status: 2 });
    expect(await health(['agent', '--listen', '127.0.0.1:0'])).toMatchObject({ status: 2 });
  });
});

describe('offramp health worker', () => {
  it('finds a worker, also one that listens on all addresses, and fails when it has stopped', async () => {
    const config = await resolveConfig(
      workerConfig,
      { bundle: [bundle], listen: '0.0.0.0:0', insecure: true },
      {},
    );
    const worker = await startWorker(config, logger);
    onTestFinished(() => worker.stop());
    const environment = { OFFRAMP_WORKER_LISTEN: worker.address };
    expect(await health(['worker'], environment)).toEqual({
      status: 0,
      output: `the worker at ${worker.address} serves\n`,
    });
    await worker.stop();
    expect(await health(['worker'], environment)).toMatchObject({
      status: 1,
      output: expect.stringMatching(
        /\[UNHEALTHY\]: the worker at [\d.:]+ does not answer: (?!.*Resolution note: *$).*\n$/,
      ),
    });
  });

  it('fails if another program answers, or nothing', async () => {
    expect(await health(['worker', '--listen', await otherServer(true)])).toMatchObject({
      status: 1,
      output: expect.stringContaining('[UNHEALTHY]'),
    });
  });
});

describe('offramp health controller', () => {
  it('finds a controller on its NATS server, and fails when it has stopped', async () => {
    const nats = await startNatsServer();
    onTestFinished(() => nats.stop());
    const controller = await startController(
      await resolveConfig(controllerConfig, { nats: nats.url }, {}),
      logger,
    );
    onTestFinished(() => controller.stop());
    const environment = { OFFRAMP_CONTROLLER_NATS: nats.url };
    expect(await health(['controller'], environment)).toEqual({
      status: 0,
      output: `the controller at ${nats.url} answers\n`,
    });
    await controller.stop();
    expect(await health(['controller'], environment)).toMatchObject({
      status: 1,
      output: expect.stringContaining('[CONTROLLER_UNAVAILABLE]'),
    });
    await nats.stop();
    expect(await health(['controller'], environment)).toMatchObject({
      status: 1,
      output: expect.stringContaining('[NATS_UNAVAILABLE]'),
    });
  });
});
