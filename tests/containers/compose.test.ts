import { execFile } from 'node:child_process';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Bundle } from '@offramp/bundle';
import { openDataset, pictureChannels } from '@offramp/data';
import type { Answer } from '@offramp/edge-agent';
import {
  DockerComposeEnvironment,
  type StartedDockerComposeEnvironment,
  type StartedTestContainer,
  Wait,
} from 'testcontainers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readAnswerLines } from '../support/answers.js';
import { bundlePath, picturesPath } from '../support/example.js';
import { type LocalAnswer, localCascade } from '../support/local-cascade.js';
import { describeContainers, docker, findCompose } from './support/engine.js';
import { natsImage, nodeImage, type TestImage } from './support/machine-images.js';

const deployFolder = fileURLToPath(new URL('../../deploy', import.meta.url));
const imagesScript = fileURLToPath(new URL('../../scripts/images.mjs', import.meta.url));

const tag = `test-${process.pid}`;
const project = `offramp-${tag}`;
const programs = ['agent', 'worker', 'controller'];
const devices = ['camera-1', 'camera-2'];
const picturesPerDevice = 200;

const compose = await findCompose();

describeContainers('deploy/compose.yaml', compose ? null : 'Docker Compose is not installed', () => {
  const bases: TestImage[] = [];
  let environment: StartedDockerComposeEnvironment | undefined;

  beforeAll(async () => {
    const [node, nats] = await Promise.all([nodeImage(tag), natsImage(tag)]);
    bases.push(node, nats);
    await promisify(execFile)(process.execPath, [
      imagesScript,
      ...['--no-build', '--base', node.name, '--tag', tag],
    ]);
    environment = await new DockerComposeEnvironment(deployFolder, 'compose.yaml')
      .withProjectName(project)
      .withClientOptions(compose === 'docker-compose' ? { executable: { standalone: true } } : {})
      .withEnvironment({
        OFFRAMP_NATS_IMAGE: nats.name,
        ...Object.fromEntries(
          programs.map((program) => [`OFFRAMP_${program.toUpperCase()}_IMAGE`, `offramp-${program}:${tag}`]),
        ),
        OFFRAMP_NATS_PORT: '0',
        OFFRAMP_HEALTH_INTERVAL: '3s',
        OFFRAMP_AGENT_LOOP: 'false',
        OFFRAMP_AGENT_LIMIT: String(picturesPerDevice),
        OFFRAMP_AGENT_RATE: '0',
        // The point is what is answered, however busy the machine is.
        OFFRAMP_AGENT_OFFLOAD_TIMEOUT_MS: '60000',
        OFFRAMP_AGENT_ACTIVATION_CODEC: 'lossless',
      })
      .withDefaultWaitStrategy(Wait.forHealthCheck())
      .withWaitStrategy(containerName('nats'), Wait.forLogMessage(/Server is ready/))
      .up();
  });

  afterAll(async () => {
    await environment?.down();
    await docker('image', 'rm', '--force', ...programs.map((program) => `offramp-${program}:${tag}`));
    for (const base of bases) await base.remove();
  });

  function containerOf(service: string): StartedTestContainer {
    if (!environment) throw new Error('the containers are not up');
    return environment.getContainer(containerName(service));
  }

  it('every program is healthy, and neither root nor able to write into its image', async () => {
    for (const service of ['controller', 'worker', ...devices]) {
      const [container] = JSON.parse(await docker('inspect', containerOf(service).getId()));
      expect(container).toMatchObject({
        State: { Health: { Status: 'healthy' } },
        Config: { User: '10001:10001' },
        HostConfig: { ReadonlyRootfs: true },
        RestartCount: 0,
      });
    }
  });

  it('the devices answer what the cascade answers here, and what they offload the worker answers', async () => {
    const bundle = await Bundle.open(bundlePath);
    const pictures = await openDataset(picturesPath, {
      split: 'test',
      channels: pictureChannels(bundle.manifest.input),
    });
    const indices = Array.from({ length: picturesPerDevice * devices.length }, (_, index) => index);
    const expected = await localCascade(bundle, pictures, indices);
    const answers = (await Promise.all(devices.map((device) => answersOf(containerOf(device))))).flat();

    expect(new Map(answers.map((answer) => [answer.sample, exitOf(answer)]))).toEqual(
      new Map([...expected].map(([name, answer]) => [name, exitOf(answer)])),
    );
    expect(answers).toHaveLength(indices.length);
    for (const { sample, confidence, exit, offloaded, degraded } of answers) {
      expect(confidence).toBeCloseTo(expected.get(sample)?.confidence ?? Number.NaN, 4);
      expect({ offloaded, degraded }).toEqual({
        offloaded: exit >= bundle.manifest.deviceStages,
        degraded: false,
      });
    }
    const offloaded = answers.filter((answer) => answer.offloaded).length;
    expect(offloaded).toBeGreaterThan(0);
    expect(offloaded).toBeLessThan(answers.length);
  });

  it('the controller lists the devices as online', async () => {
    const list = ['node', 'cli/bin/offramp.js', 'fleet', 'ls', '--json'];
    await expect
      .poll(async () => JSON.parse((await containerOf('controller').exec(list)).stdout).devices, {
        timeout: 60_000,
        interval: 500,
      })
      .toMatchObject(devices.map((device) => ({ device, group: 'cameras', online: true })));
  });

  it.each(['camera-1', 'worker', 'controller'])('%s ends well when it is told to', async (service) => {
    const id = containerOf(service).getId();
    await docker('stop', id);
    expect(await docker('inspect', '--format', '{{.State.ExitCode}}', id)).toBe('0\n');
  });
});

/** As Compose makes it and testcontainers shortens it. */
function containerName(service: string): string {
  return compose === 'docker-compose' ? `${project}_${service}_1` : `${service}-1`;
}

/** All answers of a device, when they are there: an agent with an HTTP API does not end with its source. */
async function answersOf(device: StartedTestContainer): Promise<Answer[]> {
  let output = '';
  await expect
    .poll(
      async () => {
        output = await docker('logs', device.getId());
        return output.split('\n').length - 1;
      },
      { timeout: 60_000, interval: 250 },
    )
    .toBe(picturesPerDevice);
  return readAnswerLines(Readable.from([output]));
}

const exitOf = ({ label, exit }: LocalAnswer) => `${label} at exit ${exit}`;
