import { fileURLToPath } from 'node:url';
import { Bundle } from '@offramp/bundle';
import { connectBus, openControlBucket, openPolicyBucket } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { createLogger, systemClock } from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { EvidenceRegister } from '../ingest/evidence/evidence-register.js';
import { FleetRegister } from '../ingest/register/fleet-register.js';
import { WorkerRegister } from '../ingest/register/worker-register.js';
import { BundleTables } from '../store/bundle-tables.js';
import { ControlStore } from '../store/control-store.js';
import { EventLog } from '../store/event-log.js';
import { PolicyStore } from '../store/policy-store.js';
import { checkedReport } from '../testing/sample-report.js';
import { GroupDriver } from './group-driver.js';

const bundlePath = fileURLToPath(new URL('../../../examples/fashion-mnist/bundle', import.meta.url));
const logger = createLogger('test', 'silent');
const clock = systemClock;

let nats: NatsServer;
let bus: NatsConnection;
let bundle: Bundle;
let events: EventLog;
let bundles: BundleTables;
let group = '';
let groups = 0;

beforeAll(async () => {
  nats = await startNatsServer();
  bus = await connectBus({ url: nats.url, name: 'test' });
  bundle = await Bundle.open(bundlePath);
  events = new EventLog({ bus, replicas: 1, clock, logger });
  await events.start();
  bundles = new BundleTables(bus);
  await bundles.add(bundlePath);
});
afterAll(async () => {
  await events.stop();
  await bus.close();
  await nats.stop();
});
beforeEach(() => {
  group = `group-${groups++}`;
});

class Killed extends Error {}

/** Allows a number of writes, and then fails, as if the process had been killed there. */
class Fuse {
  constructor(private left: number) {}

  burn(): void {
    if (this.left-- <= 0) throw new Killed();
  }
}

/** A policy store that fails once the fuse is burnt. */
class FusedPolicies extends PolicyStore {
  fuse = new Fuse(Number.POSITIVE_INFINITY);

  override async put(...args: Parameters<PolicyStore['put']>) {
    this.fuse.burn();
    return super.put(...args);
  }
}

class FusedEvents extends EventLog {
  fuse = new Fuse(Number.POSITIVE_INFINITY);

  override async publish(group: string, id: string, all: Parameters<EventLog['publish']>[2]): Promise<void> {
    for (let told = 0; told < all.length; told++) {
      this.fuse.burn();
      await super.publish(group, id, all.slice(0, told + 1));
    }
  }
}

/** The driver of one controller. */
async function driver(fuse = new Fuse(Number.POSITIVE_INFINITY)) {
  const policies = new FusedPolicies(bus, await openPolicyBucket(bus));
  const log = new FusedEvents({ bus, replicas: 1, clock, logger });
  policies.fuse = fuse;
  log.fuse = fuse;
  const register = new FleetRegister({
    ...{ maxDevices: 10, offlineAfterWindows: 3, offlineAfterMinMs: 60_000, forgetAfterMs: 600_000 },
  });
  const evidence = new EvidenceRegister({ windowMs: 60_000, deviceWindowMs: 60_000, maxDevices: 10 });
  for (const [i, device] of ['a', 'b', 'c'].entries()) {
    const report = checkedReport({
      ...{ group, device, branches: bundle.branches, exits: [...Array(bundle.branches).fill(0), 40] },
      evidence: [{ policyVersion: 0, samples: 40, left: [...Array(bundle.branches).fill(0), 40] }],
    });
    report.state.bundleDigest = bundle.digest;
    register.apply(report, clock.now(), clock.now());
    evidence.add(report, { storedAtMs: 1_000 * (i + 1), sequence: i + 1 });
  }
  const store = new ControlStore(bus, await openControlBucket(bus));
  return {
    store,
    policies,
    driver: new GroupDriver({
      ...{ store, policies, events: log, bundles, register, evidence, workers: new WorkerRegister() },
      ...{ clock, logger, canary: { share: 0.25, samples: 100 }, instance: 'test' },
      streamCreated: () => 'once',
    }),
  };
}

const goalsOf = async (store: ControlStore) =>
  store.changeGoals(group, () => ({
    ...{
      what: 'goals',
      goals: [{ kind: 'agreement', floor: 0.97 }],
      mode: 'auto',
      author: 'ada',
      reason: '',
    },
  }));

const told = async () => {
  await expect.poll(() => events.list(group, 10, 0).length, { timeout: 60_000 }).toBeGreaterThan(1);
  return events
    .list(group, 10, 0)
    .map(({ kind }) => kind)
    .reverse();
};

it.each([0, 1, 2, 3])('finishes a step of another driver that was killed after %d writes', async (writes) => {
  const first = await driver(new Fuse(writes));
  const goals = await goalsOf(first.store);
  const killed = await first.driver.advance(goals).then(
    () => false,
    (error: unknown) => error instanceof Killed,
  );
  expect(killed).toBe(writes < 3);
  const second = await driver();
  await second.driver.advance(goals);
  const third = await driver();
  await third.driver.advance(goals);
  const history = await third.policies.history(group);
  expect(history.map(({ version }) => version)).toEqual([1]);
  expect(await told()).toEqual(['goals-set', 'policy']);
  const { stored } = await third.store.state(group);
  expect(stored?.state).toMatchObject({ samples: 120, upTo: 3 });
});

it('drops a decision, without an event, if an operator has set a policy in between', async () => {
  const first = await driver(new Fuse(0));
  const goals = await goalsOf(first.store);
  await first.driver.advance(goals).catch(() => undefined);
  const second = await driver();
  const byHand = {
    thresholds: Array(bundle.branches).fill(0.5),
    bundleDigest: null,
    auditRate: null,
    maxAuditBytesPerHour: null,
  };
  await second.policies.set({
    group,
    ...byHand,
    author: 'bob',
    reason: '',
    expectedVersion: 0,
    requestId: 'r',
  });
  await second.driver.advance(goals);
  const history = await second.policies.history(group);
  expect(history.map(({ version, author }) => [version, author])).toEqual([[1, 'bob']]);
  expect(await told()).toEqual(['goals-set', 'policy']);
  expect(events.list(group, 1, 0)[0]).toMatchObject({ author: 'bob' });
  expect((await second.store.state(group)).stored?.state).toMatchObject({
    pinnedBy: { author: 'bob' },
    samples: 120,
  });
});

it('gives way if another driver has decided in the meantime', async () => {
  const [one, other] = [await driver(), await driver()];
  const goals = await goalsOf(one.store);
  expect(await one.driver.advance(goals)).toBe(true);
  // Both know the state; one changes it.
  await other.driver.advance(goals);
  const frozen = await one.store.changeGoals(group, (before) => ({
    ...before,
    what: 'mode',
    mode: 'frozen',
  }));
  expect(await other.driver.advance(frozen)).toBe(true);
  expect(await one.driver.advance(frozen)).toBe(false);
  expect(await one.driver.advance(frozen)).toBe(true);
  await expect.poll(() => events.list(group, 10, 0).filter(({ kind }) => kind === 'mode-set').length).toBe(1);
});

it('publishes each event once: a later controller has nothing left to do', async () => {
  const one = await driver();
  const goals = await one.store.changeGoals('idle', () => ({
    ...{ what: 'goals', goals: [], mode: 'auto', author: 'ada', reason: '' },
  }));
  await one.driver.advance(goals);
  const intent = async () => (await one.store.state('idle')).stored?.state.intent;
  expect(await intent()).toMatchObject({ events: [{ kind: 'goals-set' }] });
  await (await driver()).driver.advance(goals);
  expect(await intent()).toBeNull();
  await expect.poll(() => events.list('idle', 10, 0).length, { timeout: 60_000 }).toBe(1);
});
