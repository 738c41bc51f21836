import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Controller, controllerConfig, startController } from '@offramp/controller';
import { type Agent, agentConfig, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundlePath, picturesPath } from '../support/example.js';
import { describeContainers } from './support/engine.js';
import { natsImage, type TestImage } from './support/machine-images.js';

const bin = fileURLToPath(new URL('../../cli/bin/offramp.js', import.meta.url));
const natsConfig = fileURLToPath(new URL('../../deploy/nats/nats.conf', import.meta.url));
const group = 'cameras';
const logger = createLogger('test', 'silent');

describeContainers('a fleet on NATS in a container, as deploy/nats/nats.conf sets it up', null, () => {
  let image: TestImage | undefined;
  let nats: StartedTestContainer | undefined;
  let controller: Controller | undefined;
  let agent: Agent | undefined;
  let url: string;

  async function fleet(...args: string[]): Promise<string> {
    return (await promisify(execFile)(process.execPath, [bin, 'fleet', ...args, '--nats', url, '--insecure']))
      .stdout;
  }

  beforeAll(async () => {
    image = await natsImage(`nats-${process.pid}`);
    nats = await new GenericContainer(image.name)
      .withCopyFilesToContainer([{ source: natsConfig, target: '/etc/nats/nats.conf' }])
      .withCommand(['--config', '/etc/nats/nats.conf'])
      .withExposedPorts(4222)
      .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
      .start();
    url = `nats://${nats.getHost()}:${nats.getMappedPort(4222)}`;
    controller = await startController(
      await resolveConfig(controllerConfig, { nats: url, insecure: true }, {}),
      logger,
    );
    agent = await startAgent(
      await resolveConfig(
        agentConfig,
        {
          ...{ bundle: bundlePath, source: picturesPath, loop: true, rate: 20, answers: 'none' },
          ...{ device: 'camera-1', group, nats: url, insecure: true, telemetryIntervalMs: 200 },
        },
        {},
      ),
      logger,
      { output: process.stdout },
    );
  });

  afterAll(async () => {
    await agent?.stop();
    await controller?.stop();
    await nats?.stop();
    await image?.remove();
  });

  it('lists the device with what it has answered', async () => {
    await expect
      .poll(async () => JSON.parse(await fleet('ls', '--json')).devices, { timeout: 60_000, interval: 100 })
      .toEqual([
        expect.objectContaining({
          device: 'camera-1',
          group,
          online: true,
          total: expect.objectContaining({ samples: expect.toSatisfy((samples: number) => samples > 0) }),
        }),
      ]);
  });

  it('brings a policy to the device', async () => {
    expect(await fleet('policy', 'set', group, '--threshold', '0.5')).toContain('policy 1');
    await expect
      .poll(() => agent?.status().policy, { timeout: 60_000 })
      .toMatchObject({ version: 1, thresholds: expect.arrayContaining([0.5]) });
    expect(await fleet('policy', 'get', group)).toContain('policy 1');
  });
});
