import { deflateRawSync } from 'node:zlib';
import { connectBus, openControlBucket } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { ErrorCode, type KV, type NatsConnection, NatsError } from 'nats';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newGroupState } from '../decide/model/group-state.js';
import { ControlStore, goalsPrefix, statePrefix } from './control-store.js';

let server: NatsServer;
let bus: NatsConnection;
let bucket: KV;
let store: ControlStore;

beforeAll(async () => {
  server = await startNatsServer();
  bus = await connectBus({ url: server.url, name: 'test' });
  bucket = await openControlBucket(bus, 1);
  store = new ControlStore(bus, bucket);
});
afterAll(async () => {
  await bus.close();
  await server.stop();
});

const asked = { goals: [], mode: 'frozen', author: 'ada', reason: '' } as const;
const newer = {
  code: 'STATE_VERSION_UNKNOWN',
  message: expect.stringContaining('expected version 1, found 2'),
};

it('writes versions, and reads records without one as version 1', async () => {
  await bucket.put(`${goalsPrefix}old`, JSON.stringify({ ...asked, changes: [] }));
  expect(await store.goals('old')).toMatchObject(asked);
  await store.changeGoals('old', () => ({ what: 'mode', ...asked, goals: [], mode: 'auto' }));
  expect((await bucket.get(`${goalsPrefix}old`))?.json()).toMatchObject({ version: 1, mode: 'auto' });
});

it('rejects goals of a newer version, and does not change them', async () => {
  const revision = await bucket.put(`${goalsPrefix}new`, JSON.stringify({ version: 2, aims: [] }));
  await expect(store.goals('new')).rejects.toMatchObject(newer);
  const change = () => ({ what: 'mode' as const, ...asked, goals: [] });
  await expect(store.changeGoals('new', change)).rejects.toMatchObject(newer);
  expect((await bucket.get(`${goalsPrefix}new`))?.revision).toBe(revision);
});

it('makes a change once per request ID, even if NATS has not confirmed it', async () => {
  const silent: KV = Object.assign(Object.create(bucket) as KV, {
    put: async (...args: Parameters<KV['put']>) => {
      await bucket.put(...args);
      throw NatsError.errorForCode(ErrorCode.Timeout);
    },
  });
  const freeze = () => ({ what: 'mode' as const, ...asked, goals: [] });
  const once = { requestId: 'once' };
  await new ControlStore(bus, silent).changeGoals('doors', freeze, once);
  await store.changeGoals('doors', () => ({ ...freeze(), mode: 'auto' as const }), { requestId: 'then' });
  const changed = await store.changeGoals('doors', freeze, once);
  expect(changed).toMatchObject({ mode: 'auto', changes: [once, { requestId: 'then' }] });
});

it('rejects a state of a newer version, and treats malformed bytes as no state', async () => {
  const state = { ...newGroupState('once'), version: 2 };
  await bucket.put(`${statePrefix}new`, deflateRawSync(JSON.stringify(state)));
  await expect(store.state('new')).rejects.toMatchObject(newer);
  await bucket.put(`${statePrefix}bad`, 'garbage');
  expect((await store.state('bad')).stored).toBeNull();
});
