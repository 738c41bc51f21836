import { connectBus, eventStream, eventSubject } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { createLogger, systemClock } from '@offramp/runtime';
import { type NatsConnection, nanos } from 'nats';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { newEvent } from '../decide/model/fleet-event.js';
import type { TuningFacts } from '../decide/tuner/tuning-decision.js';
import { EventLog } from './event-log.js';

const logger = createLogger('test', 'silent');
const eventually = { timeout: 60_000, interval: 20 };
let nats: NatsServer;
let bus: NatsConnection;
let logs: EventLog[];

beforeEach(async () => {
  nats = await startNatsServer();
  bus = await connectBus({ url: nats.url, name: 'test' });
  logs = [];
});
afterEach(async () => {
  for (const log of logs) await log.stop();
  await bus.close();
  await nats.stop();
});

async function start(): Promise<EventLog> {
  const log = new EventLog({ bus, replicas: 1, clock: systemClock, logger });
  logs.push(log);
  await log.start();
  return log;
}
const event = (text: string, group = 'cameras') =>
  newEvent({ group, kind: 'policy', severity: 'warning', text, author: 'ada', policyVersion: 3 });
const texts = (log: EventLog, group = 'cameras') => log.list(group, 100, 0).map(({ text }) => text);

it('keeps events in order, also for later readers', async () => {
  const log = await start();
  const heard: string[] = [];
  const stop = log.onEvent(({ text }) => heard.push(text));
  const facts: TuningFacts = {
    ...{ agreement: 0.99, agreementBound: 0.98, provenBy: 'audits', cost: 0.5, offloadShare: 0.25 },
    ...{ exitShares: [0.5, 0.5], samples: 10, records: 2, tableSamples: 5 },
  };
  await log.publish('cameras', 'first', [{ ...event('a'), facts }, event('b')]);
  await log.publish('doors', 'other', [event('c', 'doors')]);
  await expect.poll(() => heard, eventually).toEqual(['a', 'b', 'c']);
  stop();
  await log.publish('cameras', 'second', [event('d')]);
  const later = await start();
  expect(texts(later)).toEqual(['d', 'b', 'a']);
  expect(texts(later, '')).toEqual(['d', 'c', 'b', 'a']);
  const [newest] = later.list('cameras', 1, 0);
  expect(newest).toMatchObject({
    group: 'cameras',
    severity: 'warning',
    author: 'ada',
    policyVersion: 3,
    facts: null,
  });
  expect(later.list('cameras', 10, newest?.sequence ?? 0).map(({ text }) => text)).toEqual(['b', 'a']);
  expect(later.list('', 10, 0, 2).map(({ text }) => text)).toEqual(['d', 'c']);
  expect(later.list('', 10, 2)[0]?.facts).toEqual(facts);
  expect(heard).toHaveLength(3);
});

it('has each event once, after repeated and concurrent publishing', async () => {
  const all = await Promise.all([start(), start(), start()]);
  const decisions = ['one', 'two', 'three'];
  for (const id of decisions) {
    const events = [event(`${id} 0`), event(`${id} 1`), event(`${id} 2`)];
    // One fails after the first event; all others publish all events at once.
    await all[0]?.publish('cameras', id, events.slice(0, 1));
    await Promise.all(all.map((log) => log.publish('cameras', id, events)));
  }
  const late = await start();
  expect(texts(late).reverse()).toEqual(decisions.flatMap((id) => [`${id} 0`, `${id} 1`, `${id} 2`]));
});

it('ignores malformed events', async () => {
  const log = await start();
  await log.publish('cameras', 'one', [event('a')]);
  await bus.jetstream().publish('offramp.v1.events.cameras', Buffer.from('garbage'));
  await log.publish('cameras', 'two', [event('b')]);
  await expect.poll(() => texts(log), eventually).toEqual(['b', 'a']);
});

it('has each event once, even if it is published again after the deduplication window of NATS', async () => {
  const log = await start();
  const manager = await bus.jetstreamManager();
  await manager.streams.update(eventStream, { duplicate_window: nanos(100) });
  await log.publish('cameras', 'first', [event('a'), event('b')]);
  const isDuplicate = async () =>
    (await bus.jetstream().publish(eventSubject('other'), '', { msgID: 'other' })).duplicate;
  await isDuplicate();
  await expect.poll(isDuplicate, eventually).toBe(false);
  await log.publish('cameras', 'first', [event('a'), event('b')]);
  await log.publish('cameras', 'second', [event('c')]);
  await expect.poll(() => texts(log), eventually).toEqual(['c', 'b', 'a']);
});
