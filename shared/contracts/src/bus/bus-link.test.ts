import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, systemClock } from '@offramp/runtime';
import { Events, type NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type NatsServer, startNatsServer } from '../testing/nats-server.js';
import { BusAccess } from './bus-access.js';
import { BusLink } from './bus-link.js';
import { connectBus } from './connect.js';
import { watchConnection } from './watch-connection.js';

const refusedLogins = 4;
const waitMs = 15_000;

let folder: string;
let server: NatsServer;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-nats-test-'));
  await allow('first');
  server = await startNatsServer({ configFile: configFile() });
});
afterEach(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const configFile = () => join(folder, 'nats.conf');
const url = (password: string) => `nats://device:${password}@127.0.0.1:${server.port}`;

/** Writes the server's users: the device with the password, and those who give none. */
async function allow(password: string): Promise<void> {
  const users = [
    { user: 'anybody', password: 'anybody' },
    { user: 'device', password },
  ];
  await writeFile(configFile(), JSON.stringify({ no_auth_user: 'anybody', authorization: { users } }));
}

async function change(password: string): Promise<void> {
  await allow(password);
  process.kill(server.pid, 'SIGHUP');
}

function startLink(password: string): { link: BusLink; told: string[] } {
  const told: string[] = [];
  const link = new BusLink(
    {
      access: BusAccess.to(url(password)),
      party: { role: 'worker', name: 'w' },
      name: 'link',
    },
    systemClock,
    () => 0,
    createLogger('test', 'silent'),
  );
  link.listen({ onUp: () => told.push('up'), onDown: () => told.push('down') });
  return { link, told };
}

async function refused(bus: NatsConnection, times: number): Promise<void> {
  let count = 0;
  for await (const { type, data } of bus.status()) {
    if (type === Events.Error && data === 'AUTHORIZATION_VIOLATION' && ++count === times) return;
  }
  throw new Error(`the connection was closed after ${count} refused logins`);
}

test('a link and a connection come back after any number of refused logins, and tell of it once', async () => {
  const { link, told } = startLink('first');
  await link.start();
  const bus = await connectBus({ url: url('first'), name: 'connection' });
  const heard: string[] = [];
  void watchConnection(bus, {
    onConnect: () => heard.push('up'),
    onDisconnect: () => heard.push('down'),
    onProblem: (problem) => heard.push(problem),
  });
  try {
    const several = refused(bus, refusedLogins);
    await change('second');
    await several;
    expect(link.state).toBe('down');
    await change('first');
    await vi.waitFor(() => expect([link.state, heard.at(-1)]).toEqual(['up', 'up']), waitMs);
    await bus.flush();
    expect(told).toEqual(['up', 'down', 'up']);
    expect(heard).toEqual([expect.stringContaining('refuses the login'), 'down', 'up']);
  } finally {
    await Promise.all([link.close(), bus.close()]);
  }
}, 30_000);

test('a link connects when the server accepts the login that it refused at the start', async () => {
  const { link, told } = startLink('second');
  try {
    await link.start();
    expect(link.state).toBe('never');
    await change('second');
    await vi.waitFor(() => expect(told).toEqual(['up']), waitMs);
  } finally {
    await link.close();
  }
});

test.each([false, true])('a refused login has its own error (waiting: %s)', async (waitOnFirstConnect) => {
  await expect(connectBus({ url: url('wrong'), name: 'test', waitOnFirstConnect })).rejects.toMatchObject({
    code: 'NATS_REFUSED',
    message: `the NATS server at nats://127.0.0.1:${server.port} refuses the login: 'Authorization Violation'`,
    hint: expect.stringContaining('before the host in --nats'),
  });
});

test.each([false, true])('tls:// demands TLS (waiting: %s)', async (waitOnFirstConnect) => {
  const demanding = url('first').replace('nats:', 'tls:');
  await expect(connectBus({ url: demanding, name: 'test', waitOnFirstConnect })).rejects.toMatchObject({
    code: 'NATS_WITHOUT_TLS',
    message: expect.stringContaining(`expected TLS at tls://127.0.0.1:${server.port}`),
  });
});
