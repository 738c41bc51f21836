import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { Client, credentials, status } from '@grpc/grpc-js';
import type { Bundle } from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';
import { TestAuthority, type TestCertificate } from '@offramp/contracts/testing';
import { temporaryFolder } from '@offramp/runtime/testing';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { WorkerConfig } from './config.js';
import type { Worker } from './worker.js';
import {
  classifyCall,
  connect,
  forEverMs,
  openExampleBundle,
  type ReferenceSample,
  referenceSamples,
  startTestWorker,
  TestStream,
  until,
} from './worker.test.kit.js';

const deviceId = 'spiffe://fleet.example/device/cameras/camera-1';
const workerId = 'spiffe://fleet.example/worker/worker-1';

let bundle: Bundle;
let sample: ReferenceSample;

beforeAll(async () => {
  bundle = await openExampleBundle();
  [sample] = (await referenceSamples(bundle, 1)) as [ReferenceSample];
});

const request = (sampleId: number) => ({
  sampleId,
  bundleDigest: bundle.digestBytes,
  stage: 0,
  tensor: sample.inputs[0] ?? null,
  thresholds: neverExit(bundle.branches),
});

interface Fleet {
  folder: string;
  authority: TestAuthority;
  options: Partial<WorkerConfig> & { tlsCert: string; tlsKey: string; tlsCa: string; tlsCrl: string };
}

/** An authority, a worker's certificate, and a revocation list. */
async function createFleet(): Promise<Fleet> {
  const folder = await temporaryFolder();
  const authority = await TestAuthority.create(folder);
  const tlsCa = join(folder, 'ca.crt');
  await writeFile(tlsCa, authority.certificate);
  const tlsCrl = join(folder, 'ca.crl');
  await writeFile(tlsCrl, await authority.revoke());
  const own = await authority.write('worker', { uris: [workerId] });
  return { folder, authority, options: { ...own, tlsCa, tlsCrl } };
}

/** A client with this certificate, on a connection of its own. */
function clientOf(worker: Worker, fleet: Fleet, own: TestCertificate | null): Client {
  const secured = credentials.createSsl(
    Buffer.from(fleet.authority.certificate),
    own && Buffer.from(own.key),
    own && Buffer.from(own.cert),
    { checkServerIdentity: () => undefined },
  );
  const client = new Client(worker.address, secured, {
    'grpc.ssl_target_name_override': 'worker',
    'grpc.use_local_subchannel_pool': 1,
  });
  onTestFinished(() => client.close());
  return client;
}

const streamOf = (...of: Parameters<typeof clientOf>) => new TestStream(clientOf(...of));

describe('with certificates of authorities', () => {
  test('a device of the fleet is served', async () => {
    const fleet = await createFleet();
    const worker = await startTestWorker(fleet.options);
    const stream = streamOf(worker, fleet, await fleet.authority.issue({ uris: [deviceId] }));
    expect((await stream.ask(request(1))).answer).toBeTruthy();
    expect([...worker.stats.refusedConnections]).toEqual([]);
  });

  test('other clients are refused, each for its reason', async () => {
    const fleet = await createFleet();
    const { authority } = fleet;
    const revoked = await authority.issue({ uris: [deviceId] });
    await writeFile(fleet.options.tlsCrl, await authority.revoke(revoked.serialNumber));
    const foreign = await TestAuthority.create(fleet.folder, 'CN=Foreign');
    const impostor = await TestAuthority.create(fleet.folder);
    const worker = await startTestWorker(fleet.options);
    const clients: [string, TestCertificate | null][] = [
      ['no-certificate', null],
      ['expired', await authority.issue({ uris: [deviceId], validMs: -1_000 })],
      ['revoked', revoked],
      ['untrusted', await foreign.issue({ uris: [deviceId] })],
      ['untrusted', await impostor.issue({ uris: [deviceId] })],
      ['identity', await authority.issue({ uris: ['spiffe://other.example/device/cameras/camera-1'] })],
      ['identity', await authority.issue({ uris: ['spiffe://fleet.example/worker/worker-2'] })],
      ['identity', await authority.issue({ uris: [deviceId, workerId] })],
      ['identity', await authority.issue({})],
    ];
    for (const [reason, certificate] of clients) {
      // A client may try more than once.
      const counted = () => worker.stats.refusedConnections.get(reason) ?? 0;
      const before = counted();
      const stream = streamOf(worker, fleet, certificate);
      expect((await stream.status).code).toBe(status.UNAVAILABLE);
      await until(`${reason} is counted`, () => counted() > before);
    }
    expect([...worker.stats.refusedConnections.keys()].sort()).toEqual(
      [...new Set(clients.map(([reason]) => reason))].sort(),
    );
    expect(worker.stats.counts()).toMatchObject({ samples: 0 });
  });

  test('streams and calls of one device share its places, and another device finds room', async () => {
    const fleet = await createFleet();
    const { authority, options } = fleet;
    const held = { maxQueue: 20, maxWaitMs: forEverMs, maxBatch: 64, drainMs: 0 };
    const worker = await startTestWorker({ ...options, ...held });
    const device = await authority.issue({ uris: [deviceId] });
    const streams = [1, 2, 3].map(() => streamOf(worker, fleet, device));
    for (const stream of streams) for (let id = 1; id <= 20; id++) stream.send(request(id));
    await until('all samples have arrived', () => worker.stats.counts().samples === 60);
    const inFlight = () => worker.stats.counts().inFlight;
    expect(inFlight()).toBe(16);
    const call = { bundleDigest: bundle.digestBytes, tensor: sample.inputs[0] ?? null };
    await expect(classifyCall(clientOf(worker, fleet, device), call)).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    const other = await authority.issue({ uris: [`${deviceId}0`] });
    for (const id of [1, 2]) streamOf(worker, fleet, other).send(request(id));
    await until('the samples of another device are admitted', () => inFlight() === 18);
  });

  test('one device has a number of streams and connections, whatever others have', async () => {
    const fleet = await createFleet();
    const worker = await startTestWorker(fleet.options);
    const device = await fleet.authority.issue({ uris: [deviceId] });
    const other = await fleet.authority.issue({ uris: [`${deviceId}0`] });
    const client = clientOf(worker, fleet, device);
    const streams = Array.from({ length: 16 }, () => new TestStream(client));
    for (const stream of streams) expect((await stream.ask(request(1))).answer).toBeTruthy();
    const { code, details } = await new TestStream(client).status;
    expect([code, details]).toEqual([status.RESOURCE_EXHAUSTED, `all 16 streams of ${deviceId} are taken`]);
    expect((await streamOf(worker, fleet, other).ask(request(1))).answer).toBeTruthy();

    const more = Array.from({ length: 31 }, () => streamOf(worker, fleet, device));
    for (const stream of more) expect((await stream.status).code).toBe(status.RESOURCE_EXHAUSTED);
    expect((await streamOf(worker, fleet, device).status).code).toBe(status.UNAVAILABLE);
    expect(worker.stats.refusedConnections.get('connections')).toBeGreaterThan(0);
    expect((await streamOf(worker, fleet, other).ask(request(1))).answer).toBeTruthy();
    for (const stream of streams) stream.call.end();
    await until('streams are free', () => worker.stats.counts().streams < 16);
    expect((await new TestStream(client).ask(request(1))).answer).toBeTruthy();
  });

  test('an operator may not send samples', async () => {
    const fleet = await createFleet();
    const worker = await startTestWorker(fleet.options);
    const operator = await fleet.authority.issue({ uris: ['spiffe://fleet.example/operator/anna'] });
    const { code, details } = await streamOf(worker, fleet, operator).status;
    expect([code, details]).toEqual([
      status.PERMISSION_DENIED,
      'expected the certificate of a device; found that of spiffe://fleet.example/operator/anna',
    ]);
  });

  test('an open stream ends within 5 s of when its certificate is revoked, and when it expires', async () => {
    const fleet = await createFleet();
    const { authority, options } = fleet;
    const worker = await startTestWorker(options);
    const device = await authority.issue({ uris: [deviceId] });
    const brief = await authority.issue({ uris: [deviceId], validMs: 3_000 });
    const streams = [streamOf(worker, fleet, device), streamOf(worker, fleet, brief)];
    for (const stream of streams) expect((await stream.ask(request(1))).answer).toBeTruthy();
    await writeFile(options.tlsCrl, await authority.revoke(device.serialNumber));
    const ends = Promise.all(streams.map(async (stream) => (await stream.status).code));
    expect(await Promise.race([ends, setTimeout(5_000, 'late')])).toEqual([
      status.UNAVAILABLE,
      status.UNAVAILABLE,
    ]);
    expect([...worker.stats.refusedConnections.keys()].sort()).toEqual(['expired', 'revoked']);
  });

  test('a new certificate is used for new connections, and a session is never resumed', async () => {
    const fleet = await createFleet();
    const { authority, options } = fleet;
    const worker = await startTestWorker(options);
    const own = await authority.issue({ uris: [deviceId] });
    const stream = streamOf(worker, fleet, own);
    await stream.ask(request(1));
    const [, port] = worker.address.split(':');
    const look = (session?: Buffer) =>
      new Promise<{ serial: string; session: Buffer | undefined; reused: boolean }>((resolve, reject) => {
        const socket = connectTls({
          ...{
            host: '127.0.0.1',
            port: Number(port),
            ca: authority.certificate,
            cert: own.cert,
            key: own.key,
          },
          ...{ ALPNProtocols: ['h2'], checkServerIdentity: () => undefined },
          ...(session ? { session } : {}),
        });
        socket.once('error', reject);
        // The first bytes of HTTP/2 follow what the server says of the session.
        socket.once('data', () => {
          const serial = socket.getPeerX509Certificate()?.serialNumber ?? '';
          resolve({ serial, session: socket.getSession(), reused: socket.isSessionReused() });
          socket.destroy();
        });
      });
    const before = await look();
    expect((await look(before.session)).reused).toBe(false);
    await authority.write('worker', { uris: [workerId] });
    const giveUp = performance.now() + 5_000;
    let after = before;
    while (after.serial === before.serial && performance.now() < giveUp) after = await look();
    expect(after.serial).not.toBe(before.serial);
    expect((await stream.ask(request(2))).answer).toBeTruthy();
  });
});

describe('plain text', () => {
  test('is refused on an address that other machines reach, unless it is allowed', async () => {
    await expect(startTestWorker({ listen: '0.0.0.0:0' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: '--listen: expected TLS, or an address of this machine; found plain text for 0.0.0.0',
    });
    const worker = await startTestWorker({ listen: '0.0.0.0:0', insecure: true });
    expect((await new TestStream(connect(worker)).ask(request(1))).answer).toBeTruthy();
  });

  test('is not needed with a certificate', async () => {
    const { options } = await createFleet();
    await startTestWorker({ ...options, listen: '0.0.0.0:0' });
  });
});

test('without certificates of authorities, clients are not asked who they are', async () => {
  const fleet = await createFleet();
  const { tlsCert, tlsKey } = fleet.options;
  const worker = await startTestWorker({ tlsCert, tlsKey });
  expect((await streamOf(worker, fleet, null).ask(request(1))).answer).toBeTruthy();
});

describe('a worker does not start', () => {
  const start = async (change: (fleet: Fleet) => Promise<Partial<WorkerConfig>>) => {
    const fleet = await createFleet();
    await startTestWorker({ ...fleet.options, ...(await change(fleet)) });
  };

  test.each<[string, (fleet: Fleet) => Promise<Partial<WorkerConfig>>, string, RegExp]>([
    ['without a file', async () => ({ tlsCert: '/nowhere.crt' }), 'FILE_NOT_FOUND', /nowhere\.crt/],
    [
      'with other bytes',
      async ({ options: { tlsCa } }) => {
        await writeFile(tlsCa, 'hello');
        return {};
      },
      'CREDENTIALS_INVALID',
      /ca\.crt: expected a certificate in PEM form; found none/,
    ],
    [
      'with the key of another certificate',
      async ({ authority }) => ({ tlsKey: (await authority.write('other', {})).tlsKey }),
      'CREDENTIALS_INVALID',
      /other\.key: expected the private key of the certificate in .*worker\.crt/,
    ],
    [
      'with an expired certificate',
      ({ authority }) => authority.write('worker', { uris: [workerId], validMs: -1_000 }),
      'CREDENTIALS_INVALID',
      /worker\.crt: .*expired on/,
    ],
    [
      'with the certificate of a device',
      ({ authority }) => authority.write('worker', { uris: [deviceId] }),
      'CREDENTIALS_INVALID',
      /of the role worker: .*camera-1/,
    ],
    [
      'with a key that others may read',
      async ({ options: { tlsKey } }) => {
        await writeFile(join(tlsKey, '../open.key'), await readFile(tlsKey), { mode: 0o644 });
        return { tlsKey: join(tlsKey, '../open.key') };
      },
      'SECRET_EXPOSED',
      /found mode 644/,
    ],
    [
      'with a key that its group may read',
      async ({ options: { tlsKey } }) => {
        await chmod(tlsKey, 0o640);
        return {};
      },
      'SECRET_EXPOSED',
      /found mode 640/,
    ],
    [
      'with the revocation list of another authority',
      async ({ folder, options: { tlsCrl } }) => {
        await writeFile(tlsCrl, await (await TestAuthority.create(folder)).revoke());
        return {};
      },
      'CREDENTIALS_INVALID',
      /ca\.crl: .*none of them has signed/,
    ],
    ['with a certificate but no key', async () => ({ tlsKey: undefined }), 'CONFIG_INVALID', /--tls-key/],
  ])('%s', async (_, change, code, message) => {
    await expect(start(change)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
