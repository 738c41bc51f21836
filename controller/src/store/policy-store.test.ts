import { randomUUID } from 'node:crypto';
import { connectBus, openPolicyBucket, policyBucket, v1 } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { ErrorCode, type KV, type NatsConnection, NatsError } from 'nats';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PolicyContent } from '../decide/model/policy-view.js';
import { PolicyStore } from './policy-store.js';

let server: NatsServer;
let bus: NatsConnection;
let bucket: KV;
let store: PolicyStore;
let group = '';
let groups = 0;

beforeAll(async () => {
  server = await startNatsServer();
  bus = await connectBus({ url: server.url, name: 'test' });
  bucket = await openPolicyBucket(bus);
  store = new PolicyStore(bus, bucket);
});
afterAll(async () => {
  await bus.close();
  await server.stop();
});
beforeEach(() => {
  group = `group-${groups++}`;
});

const plain = (version: number, thresholds: number[] = [0.9, 0.8]) => ({
  ...{ group, version, thresholds, bundleDigest: '07'.repeat(32), author: 'controller', reason: 'cheaper' },
  ...{ auditRate: 0.02, maxAuditBytesPerHour: 1_000, latencyTargetMs: 12.5 },
});
const exceptions = [{ device: 'blind', thresholds: [1.5, 0.7], auditRate: 0.25 }];
const content = (version: number, differing: Partial<PolicyContent> = {}): PolicyContent => ({
  ...plain(version),
  canary: { below: 2 ** 32 - 1, stable: plain(version - 1, [0.95, 0.95]) },
  exceptions,
  ...differing,
});
const manual = {
  ...{ group: '', thresholds: null, bundleDigest: null, auditRate: null, maxAuditBytesPerHour: null },
} as const;
const by = () => ({ author: 'ada', reason: 'trial', expectedVersion: 0, requestId: randomUUID() });

describe('put', () => {
  it('stores and returns every field', async () => {
    const put = await store.put(content(1), 0);
    expect(put).toMatchObject({ outcome: 'put', version: 1, policy: content(1) });
    expect(await store.get(group)).toEqual({ ...content(1), setAt: put.policy?.setAt, requestId: '' });
    const unset = content(2, { bundleDigest: null, latencyTargetMs: null, canary: null, exceptions: [] });
    expect(await store.put(unset, put.revision)).toMatchObject({ outcome: 'put', policy: unset });
  });

  it('distinguishes a canary over the thresholds of bundles from no canary', async () => {
    const stable = { ...plain(0, []), bundleDigest: null, author: '', reason: '', latencyTargetMs: null };
    const canary = { below: 1, stable: { ...stable, auditRate: 0 } };
    expect((await store.put(content(1, { canary }), 0)).policy?.canary).toEqual(canary);
  });

  it('stores a policy once, after repeated and concurrent writes', async () => {
    const puts = await Promise.all(Array.from({ length: 8 }, () => store.put(content(1), 0)));
    expect(puts.filter(({ outcome }) => outcome === 'put')).toHaveLength(1);
    expect(puts.filter(({ outcome }) => outcome === 'present')).toHaveLength(7);
    expect(await store.history(group)).toHaveLength(1);
  });

  it('recognises a policy with newer ones after it', async () => {
    const { revision } = await store.put(content(1), 0);
    await store.set({ ...manual, ...by(), group, thresholds: [0.5, 0.5] });
    expect(await store.put(content(1), 0)).toMatchObject({ outcome: 'present', version: 2 });
    expect(await store.put(content(2), revision)).toMatchObject({
      outcome: 'version-taken',
      policy: { author: 'ada', version: 2 },
    });
  });

  it('does not change the group if the key has changed', async () => {
    const { revision } = await store.put(content(1), 0);
    await bucket.delete(group);
    const moved = await store.put(content(2), revision);
    expect(moved).toMatchObject({ outcome: 'moved', policy: null, version: 1 });
    expect(moved.revision).toBeGreaterThan(revision);
    expect(await store.put(content(2), moved.revision)).toMatchObject({ outcome: 'put', version: 2 });
  });

  it('rejects more exceptions than devices accept', async () => {
    const many = Array.from({ length: 101 }, (_, i) => ({ ...exceptions[0], device: `d${i}` }));
    await expect(store.put(content(1, { exceptions: many as typeof exceptions }), 0)).rejects.toMatchObject({
      code: 'POLICY_INVALID',
    });
  });

  it('has room for the maximum number of exceptions and branches', async () => {
    const many = Array.from({ length: 100 }, (_, i) => ({
      device: `${i}`.padStart(64, 'd'),
      thresholds: new Array<number>(255).fill(0.5),
      auditRate: 0.1,
    }));
    const policy = content(1, { exceptions: many });
    expect((await store.put(policy, 0)).policy?.exceptions).toEqual(many);
  });
});

describe('set', () => {
  it('ends a canary and removes exceptions if thresholds are given', async () => {
    await store.put(content(1), 0);
    expect(await store.set({ ...manual, ...by(), group, thresholds: [0.5, 0.25] })).toMatchObject({
      ...{ version: 2, thresholds: [0.5, 0.25], bundleDigest: null, canary: null, exceptions: [] },
      ...{ auditRate: 0.02, latencyTargetMs: 12.5, author: 'ada' },
    });
  });

  it('names the bundle that thresholds are for', async () => {
    const bundleDigest = 'ab'.repeat(32);
    const set = await store.set({ ...manual, ...by(), group, thresholds: [0.5, 0.25], bundleDigest });
    expect(set).toMatchObject({ thresholds: [0.5, 0.25], bundleDigest });
    expect(await store.set({ ...manual, ...by(), group, auditRate: 0.5 })).toMatchObject({ bundleDigest });
  });

  it('keeps the thresholds of a canary’s stable policy, not the tried ones', async () => {
    await store.put(content(1), 0);
    expect(await store.set({ ...manual, ...by(), group, auditRate: 0.5 })).toMatchObject({
      ...{ thresholds: [0.95, 0.95], bundleDigest: '07'.repeat(32), auditRate: 0.5, canary: null },
      exceptions: [{ ...exceptions[0], auditRate: 0.5 }],
    });
  });

  it('has no thresholds to keep if most devices follow their bundles', async () => {
    await store.put(content(1, { canary: { below: 1, stable: plain(0, []) } }), 0);
    await expect(store.set({ ...manual, ...by(), group, auditRate: 0.5 })).rejects.toMatchObject({
      code: 'POLICY_INVALID',
      message: expect.stringContaining('none to keep'),
    });
  });
});

describe('a change that NATS does not confirm', () => {
  /** Writes are stored or not, without confirmation. */
  const unconfirmed = (stores: boolean): KV =>
    Object.assign(Object.create(bucket) as KV, {
      put: async (...args: Parameters<KV['put']>) => {
        if (stores) await bucket.put(...args);
        throw NatsError.errorForCode(ErrorCode.Timeout);
      },
    });
  const change = () => ({ ...manual, ...by(), group, thresholds: [0.5, 0.5] });

  it('is found by its request ID if it was stored, even with later changes', async () => {
    const first = change();
    const set = await new PolicyStore(bus, unconfirmed(true)).set(first);
    expect(set).toMatchObject({ version: 1, requestId: first.requestId });
    await store.set({ ...change(), thresholds: [0.7, 0.7] });
    expect(await store.set(first)).toEqual(set);
    expect(await store.history(group)).toHaveLength(2);
  });

  it('has an unknown outcome if it is not found', async () => {
    await expect(new PolicyStore(bus, unconfirmed(false)).set(change())).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
    });
    expect(await store.history(group)).toEqual([]);
  });

  it('is made once by several controllers', async () => {
    const same = change();
    const sets = await Promise.all(Array.from({ length: 8 }, () => new PolicyStore(bus, bucket).set(same)));
    expect(new Set(sets.map(({ version }) => version))).toEqual(new Set([1]));
    expect(await store.history(group)).toHaveLength(1);
  });
});

it('ignores entries that are not policies of the group', async () => {
  const kv = await bus.jetstream().views.kv(policyBucket);
  await kv.put(group, v1.Policy.encode({ group, version: 0, canary: {} }).finish());
  expect(await store.newest(group)).toMatchObject({ policy: null, version: 0 });
  await kv.put(group, Buffer.from('garbage'));
  expect((await store.newest(group)).policy).toBeNull();
});

it('enlarges a bucket of an older version', async () => {
  const streams = (await bus.jetstreamManager()).streams;
  await streams.update(`KV_${policyBucket}`, { max_msg_size: 16_384 });
  await openPolicyBucket(bus);
  expect((await streams.info(`KV_${policyBucket}`)).config.max_msg_size).toBeGreaterThan(100_000);
});
