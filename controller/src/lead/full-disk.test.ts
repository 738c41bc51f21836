import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectBus } from '@offramp/contracts';
import { startNatsServer } from '@offramp/contracts/testing';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { temporaryFolder } from '@offramp/runtime/testing';
import { afterAll, expect, it } from 'vitest';
import { controllerConfig } from '../config.js';
import { startController } from '../controller.js';
import { ControllerClient } from '../nats-api/client.js';
import { smallDisk } from '../testing/small-disk.js';

const eventually = { timeout: 60_000, interval: 100 };
const disk = await smallDisk(32);
const cleanUps: (() => Promise<unknown>)[] = disk ? [() => disk.remove()] : [];

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

it.skipIf(disk === null && process.env.CI !== 'true')(
  'readiness reports a full JetStream disk, and an event follows once there is space (skipped where no tmpfs can be mounted)',
  async () => {
    if (!disk) throw new Error('no tmpfs can be mounted here');
    // Offramp's streams reserve more than the disk has, as they may on a disk that others fill.
    const configFile = join(await temporaryFolder(), 'nats.conf');
    await writeFile(configFile, 'jetstream { max_file_store: 10GB }');
    const storeDir = join(disk.path, 'jetstream');
    let server = await startNatsServer({ storeDir, configFile });
    cleanUps.push(() => server.stop());
    const flags = { nats: server.url, listen: '127.0.0.1:0', leaseTtlMs: 1_000, instanceName: 'one' };
    const controller = await startController(
      await resolveConfig(controllerConfig, flags, {}),
      createLogger('test', 'silent'),
    );
    cleanUps.push(() => controller.stop());
    const bus = await connectBus({ url: server.url, name: 'test' });
    cleanUps.push(() => bus.close());
    const readiness = async () => {
      const response = await fetch(`${controller.httpAddress}/readyz`);
      return { status: response.status, body: await response.json() };
    };
    expect(await readiness()).toEqual({ status: 200, body: { status: 'ready' } });

    await disk.fill();
    for (let i = 0; i < 64; i++) bus.publish('offramp.v1.telemetry.cameras.cam-1', Buffer.alloc(16_384));
    await expect.poll(readiness, eventually).toEqual({
      status: 503,
      body: {
        error: {
          code: 'JETSTREAM_UNAVAILABLE',
          message: expect.stringMatching(
            /^NATS is connected, but JetStream stores nothing, so no controller leads: ./,
          ),
          hint: expect.stringContaining('docs/troubleshooting.md'),
        },
      },
    });

    await disk.free();
    await server.stop();
    server = await startNatsServer({ storeDir, configFile, port: server.port });
    await expect.poll(readiness, eventually).toEqual({ status: 200, body: { status: 'ready' } });
    const client = new ControllerClient(bus);
    const told = async () =>
      (await client.listEvents({ group: 'fleet' }).catch(() => [])).find(
        ({ kind }) => kind === 'jetstream-back',
      );
    await expect.poll(told, eventually).toMatchObject({
      ...{ severity: 'warning', author: 'one' },
      text: expect.stringMatching(
        /^JetStream stored nothing for \d+ s, so nothing was decided: .* It stores again\.$/,
      ),
    });
  },
  180_000,
);
