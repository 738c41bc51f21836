import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, type OfframpError } from '@offramp/runtime';
import { credsAuthenticator, Events, type NatsConnection, nkeys } from 'nats';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { type NatsServer, startNatsServer } from '../testing/nats-server.js';
import { TestAuthority } from '../testing/test-authority.js';
import { TestOperator } from '../testing/test-operator.js';
import { BusAccess } from './bus-access.js';
import { type BusConfig, busOptions } from './bus-options.js';
import { connectBus } from './connect.js';

const logger = createLogger('test', 'silent');
const hosts = ['127.0.0.1', 'localhost'];

let folder: string;
let authority: TestAuthority;
let operator: TestOperator;
/** Files by what is in them. */
let files: Record<string, string>;
/** Demands TLS and a certificate, and knows a user, an nkey and a certificate. */
let secured: NatsServer;
/** Users log in with JWTs. */
let operated: NatsServer;

const write = (name: string, content: string) => TestOperator.write(folder, name, content);
const seedOf = (user: ReturnType<typeof nkeys.createUser>) => Buffer.from(user.getSeed()).toString('latin1');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-bus-access-'));
  authority = await TestAuthority.create(folder);
  const foreign = await TestAuthority.create(folder, 'CN=Foreign authority');
  const server = await authority.write('server', { hosts });
  const client = await authority.write('client', {});
  const stranger = await foreign.write('stranger', {});
  const [known, unknown] = [nkeys.createUser(), nkeys.createUser()];
  files = {
    ...{ cert: client.tlsCert, key: client.tlsKey, otherCert: stranger.tlsCert, otherKey: stranger.tlsKey },
    ca: await write('ca.crt', authority.certificate),
    otherCa: await write('other-ca.crt', foreign.certificate),
    seed: await write('known.nk', `${seedOf(known)}\n`),
    otherSeed: await write('unknown.nk', seedOf(unknown)),
    password: await write('password', 'first$\n'),
    otherPassword: await write('other-password', 'second'),
  };
  const configFile = await write(
    'secured.conf',
    JSON.stringify({
      tls: { cert_file: server.tlsCert, key_file: server.tlsKey, ca_file: files.ca, verify: true },
      authorization: { users: [{ nkey: known.getPublicKey() }, { user: 'device', password: 'first$' }] },
    }),
  );
  const tls = { caFile: files.ca ?? '', certFile: client.tlsCert, keyFile: client.tlsKey };
  secured = await startNatsServer({
    jetStream: false,
    configFile,
    probe: { user: 'device', pass: 'first$', tls },
  });
  operator = await TestOperator.create();
  const probe = { authenticator: credsAuthenticator(Buffer.from(await operator.credentials())) };
  const operatorFile = await write('operator.conf', JSON.stringify(operator.configuration));
  operated = await startNatsServer({ jetStream: false, configFile: operatorFile, probe });
}, 30_000);
afterAll(async () => {
  await Promise.all([secured?.stop(), operated?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

/** A program's options: those given, as `files` calls their content, and the defaults of the others. */
function configOf(server: NatsServer, given: Partial<BusConfig>): BusConfig {
  const named = Object.entries(given).map(([key, value]) => [key, files[String(value)] ?? value]);
  return z.object(busOptions).parse({ nats: server.url, ...Object.fromEntries(named) });
}

async function connectWith(config: BusConfig, timeoutMs = 5_000): Promise<NatsConnection> {
  const access = await BusAccess.open(config, logger);
  onTestFinished(() => access.close());
  const bus = await connectBus({ access, name: 'test', timeoutMs });
  onTestFinished(() => bus.close());
  return bus;
}

const codeOf = (config: BusConfig) =>
  connectWith(config).then(
    () => 'connected',
    ({ code }: OfframpError) => code,
  );

const tls = { natsCa: 'ca', natsCert: 'cert', natsKey: 'key' };

test.each<[string, Partial<BusConfig>, string]>([
  ['an nkey', { ...tls, natsNkey: 'seed' }, 'connected'],
  ['an unknown nkey', { ...tls, natsNkey: 'otherSeed' }, 'NATS_REFUSED'],
  ['a password', { ...tls, natsUser: 'device', natsPasswordFile: 'password' }, 'connected'],
  ['a wrong password', { ...tls, natsUser: 'device', natsPasswordFile: 'otherPassword' }, 'NATS_REFUSED'],
  ['no login', tls, 'NATS_REFUSED'],
  ['another authority', { ...tls, natsCa: 'otherCa', natsNkey: 'seed' }, 'NATS_UNTRUSTED'],
  ['no authority', { natsNkey: 'seed' }, 'NATS_UNTRUSTED'],
])('a server with TLS, and %s: %s', async (_, given, expected) => {
  expect(await codeOf(configOf(secured, given))).toBe(expected);
});

test.each<[string, Partial<BusConfig>]>([
  ['a foreign certificate', { natsCa: 'ca', natsCert: 'otherCert', natsKey: 'otherKey', natsNkey: 'seed' }],
  ['no certificate', { natsCa: 'ca', natsNkey: 'seed' }],
])('a server that asks for a certificate, and %s: an error with a hint', async (_, given) => {
  await expect(connectWith(configOf(secured, given), 500)).rejects.toMatchObject({
    code: 'NATS_UNAVAILABLE',
    hint: expect.stringContaining('--nats-cert'),
  });
});

test('the authority of servers demands TLS', async () => {
  expect(await codeOf(configOf(operated, { natsCa: 'ca' }))).toBe('NATS_WITHOUT_TLS');
});

test('credentials log in, and not when they have expired or come from another operator', async () => {
  const other = await TestOperator.create();
  const right = await write('right.creds', await operator.credentials());
  const expired = await write('expired.creds', await operator.credentials(-60_000));
  const foreign = await write('foreign.creds', await other.credentials());
  expect(await codeOf(configOf(operated, { natsCreds: right }))).toBe('connected');
  expect(await codeOf(configOf(operated, { natsCreds: expired }))).toBe('NATS_REFUSED');
  expect(await codeOf(configOf(operated, { natsCreds: foreign }))).toBe('NATS_REFUSED');
  expect(await codeOf(configOf(operated, {}))).toBe('NATS_REFUSED');
});

test('credentials that are renewed while the program runs replace those that expire', async () => {
  const path = await write('renewed.creds', await operator.credentials(3_000));
  const bus = await connectWith(configOf(operated, { natsCreds: path }));
  await writeFile(path, await operator.credentials());
  let refusals = 0;
  const back = (async () => {
    for await (const { type, data } of bus.status()) {
      if (type === Events.Error && String(data).includes('AUTHORIZATION')) refusals++;
      if (type === Events.Reconnect) return;
    }
  })();
  await back;
  await bus.flush();
  expect(refusals).toBe(0);
}, 20_000);

test.each([
  ['natsCreds', 'creds'],
  ['natsNkey', 'seed'],
  ['natsTokenFile', 'token'],
])('--%s that others may read is refused', async (option, content) => {
  const path = await write('exposed', content);
  await chmod(path, 0o604);
  await expect(BusAccess.open(configOf(secured, { [option]: path }), logger)).rejects.toMatchObject({
    code: 'SECRET_EXPOSED',
    message: `${path}: expected a file that other users cannot read or write; found mode 604`,
  });
});

test.each<[string, Partial<BusConfig>, string, string]>([
  [
    'two logins',
    { natsNkey: 'seed', natsTokenFile: 'password' },
    'CONFIG_INVALID',
    'expected one login for NATS; found --nats-nkey and --nats-token-file',
  ],
  [
    'a login in the address, too',
    { nats: 'nats://a:b@127.0.0.1', natsNkey: 'seed' },
    'CONFIG_INVALID',
    'expected one login for NATS; found --nats-nkey and credentials in --nats',
  ],
  [
    'a user without a password',
    { natsUser: 'device' },
    'CONFIG_INVALID',
    'expected --nats-user and --nats-password-file together',
  ],
  [
    'a certificate without a key',
    { natsCert: 'cert' },
    'CONFIG_INVALID',
    '--nats-key: expected a file, because --nats-cert is given',
  ],
  [
    'a file that is not there',
    { natsCreds: '/nowhere/a.creds' },
    'FILE_NOT_FOUND',
    'cannot read /nowhere/a.creds',
  ],
  ['other credentials', { natsCreds: 'seed' }, 'CREDENTIALS_INVALID', 'expected a JWT and its seed'],
  [
    'another seed',
    { natsNkey: 'password' },
    'CREDENTIALS_INVALID',
    'expected the seed of an nkey; found something else',
  ],
  ['another authority', { natsCa: 'password' }, 'CREDENTIALS_INVALID', 'expected a certificate in PEM form'],
  [
    'plain text to another machine',
    { nats: 'nats://127.0.0.1,nats://nats.example:4222' },
    'CONFIG_INVALID',
    '--nats: expected TLS, or an address of this machine; found plain text for nats.example',
  ],
])('%s is refused at the start', async (_, given, code, message) => {
  await expect(BusAccess.open(configOf(secured, given), logger)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});

test.each<[string, Partial<BusConfig>]>([
  ['TLS', { nats: 'tls://nats.example' }],
  ['an authority of servers', { nats: 'nats://nats.example', natsCa: 'ca' }],
  ['--insecure', { nats: 'nats://nats.example', insecure: true }],
])('with %s, servers may be on other machines', async (_, given) => {
  const warn = vi.spyOn(logger, 'warn').mockClear();
  const access = await BusAccess.open(configOf(secured, given), logger);
  access.close();
  expect(warn.mock.calls.length).toBe(given.insecure ? 1 : 0);
});

test('an error names every server', async () => {
  const url = 'nats://127.0.0.1:1,nats://127.0.0.1:2';
  await expect(connectBus({ url, name: 'test' })).rejects.toMatchObject({
    code: 'NATS_UNAVAILABLE',
    message: expect.stringContaining('no NATS server answers at nats://127.0.0.1:1, nats://127.0.0.1:2: '),
  });
});
