import { describe, expect, test } from 'vitest';
import { FairClock, Sender } from './fair-clock.js';
import { StageBatcher } from './stage-batcher.js';
import { StageTimes } from './stage-times.js';

interface Sample {
  name: string;
  sender: Sender;
  deadlineMs: number;
  startTag: number;
}

const sample = (name: string, deadlineMs = Number.POSITIVE_INFINITY, sender = new Sender()): Sample => ({
  name,
  sender,
  deadlineMs,
  startTag: 0,
});

/** @param stageMs time of a sample at each stage; 0: not measured */
const batcher = ({ stageMs = 0, ...options } = {} as { stageMs?: number } & Partial<Options>) => {
  const times = new StageTimes(3);
  for (const stage of [0, 1, 2]) if (stageMs > 0) times.onBatch(stage, 1, stageMs);
  return new StageBatcher<Sample>(
    { stages: 3, maxBatch: 3, maxWaitMs: 10, overdueMs: 1_000, ...options },
    new FairClock(),
    times,
  );
};
type Options = ConstructorParameters<typeof StageBatcher>[0];

const names = (batch: { samples: Sample[] } | null) => batch?.samples.map(({ name }) => name) ?? null;

describe('holding', () => {
  test('a new sample is held for maxWaitMs, no longer', () => {
    const batches = batcher();
    batches.add(0, sample('a'), 100);
    expect(batches.nextReadyMs()).toBe(110);
    expect(batches.take(109.9)).toBeNull();
    expect(batches.take(110)).toMatchObject({ stage: 0, samples: [{ name: 'a' }] });
    expect(batches.size).toBe(0);
    expect(batches.nextReadyMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test('nor longer than its deadline allows', () => {
    const batches = batcher({ maxWaitMs: 1_000, stageMs: 5 });
    batches.add(1, sample('a', 150), 100);
    expect(batches.nextReadyMs()).toBe(140);
    expect(names(batches.take(140))).toEqual(['a']);
  });

  test('a full batch goes at once, and takes no more than maxBatch', () => {
    const batches = batcher();
    for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) batches.add(0, sample(name), i);
    expect(names(batches.take(3))).toEqual(['a', 'b', 'c']);
    expect(batches.take(3)).toBeNull();
    expect(names(batches.take(13))).toEqual(['d']);
  });

  test('a continuing sample is not held again, and shares its batch with samples that wait at its stage', () => {
    const batches = batcher();
    batches.add(1, sample('new'), 100);
    batches.continue(1, sample('continuing'), 101);
    expect(names(batches.take(101))?.sort()).toEqual(['continuing', 'new']);
  });

  test('after stopHolding everything goes at once', () => {
    const batches = batcher();
    batches.add(2, sample('a'), 0);
    expect(batches.take(0)).toBeNull();
    batches.stopHolding();
    expect(names(batches.take(0))).toEqual(['a']);
  });

  test('while all threads are busy, only a full batch goes', () => {
    const batches = batcher({ maxWaitMs: 0 });
    for (const name of ['a', 'b']) batches.add(0, sample(name), 0);
    expect(batches.take(5, true)).toBeNull();
    batches.add(0, sample('c'), 5);
    expect(names(batches.take(5, true))).toEqual(['a', 'b', 'c']);
  });
});

describe('order of stages', () => {
  test('of two stages that are ready the deeper goes first', () => {
    const batches = batcher();
    batches.continue(0, sample('shallow'), 20);
    batches.continue(2, sample('deep'), 20);
    batches.continue(1, sample('middle'), 20);
    expect([batches.take(20), batches.take(20), batches.take(20)].map(names)).toEqual([
      ['deep'],
      ['middle'],
      ['shallow'],
    ]);
  });

  test('a deeper stage that is not ready does not delay a shallower one that is', () => {
    const batches = batcher();
    batches.add(2, sample('held'), 19);
    batches.continue(0, sample('ready'), 20);
    expect(names(batches.take(20))).toEqual(['ready']);
  });

  test('a full batch goes before a deeper one that may still fill up, until that has waited for long', () => {
    const batches = batcher({ maxWaitMs: 0, overdueMs: 50 });
    const first = sample('first');
    batches.add(0, first, 0);
    expect(names(batches.take(0))).toEqual(['first']);
    batches.continue(2, first, 10);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) batches.add(0, sample(name), 10);
    expect(names(batches.take(59))).toEqual(['a', 'b', 'c']);
    expect(names(batches.take(60))).toEqual(['first']);
    expect(names(batches.take(60))).toEqual(['d', 'e', 'f']);
  });

  test('of two stages with full batches, the one with the earlier turn goes first', () => {
    const batches = batcher({ maxWaitMs: 0 });
    const [one, other] = [new Sender(), new Sender()];
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) batches.add(2, sample(name, 1e9, one), 0);
    for (const name of ['x', 'y', 'z']) batches.add(0, sample(name, 1e9, other), 0);
    expect([batches.take(1), batches.take(1), batches.take(1)].map(names)).toEqual([
      ['a', 'b', 'c'],
      ['x', 'y', 'z'],
      ['d', 'e', 'f'],
    ]);
  });
});

describe('order within a stage', () => {
  test('a sender with one sample is not delayed by the backlog of another', () => {
    const batches = batcher({ maxWaitMs: 0 });
    const greedy = new Sender();
    for (let i = 0; i < 100; i++) batches.add(1, sample(`greedy ${i}`, 1e9, greedy), 0);
    batches.take(1);
    batches.add(1, sample('modest'), 1);
    expect([...(names(batches.take(1)) ?? []), ...(names(batches.take(1)) ?? [])]).toContain('modest');
  });

  test('a sample that continues keeps its turn', () => {
    const batches = batcher({ maxWaitMs: 0, maxBatch: 2 });
    const sender = new Sender();
    const first = sample('first', 1e9, sender);
    batches.add(0, first, 0);
    for (const name of ['b', 'c']) batches.add(1, sample(name, 1e9, sender), 0);
    expect(names(batches.take(0))).toEqual(['b', 'c']);
    expect(names(batches.take(0))).toEqual(['first']);
    for (const name of ['d', 'e']) batches.add(1, sample(name, 1e9, sender), 1);
    batches.continue(1, first, 2);
    expect(names(batches.take(2))).toEqual(['first', 'd']);
  });

  test('a batch is small enough for the deadline of its most urgent sample', () => {
    const batches = batcher({ maxWaitMs: 0, maxBatch: 16, stageMs: 10 });
    // 10 ms a sample and stage, three stages: six samples take 180 ms.
    batches.add(0, sample('urgent', 190), 0);
    for (let i = 0; i < 20; i++) batches.add(0, sample(`${i}`, 10_000), 0);
    expect(batches.take(0)?.samples).toHaveLength(6);
    expect(batches.take(0)?.samples).toHaveLength(15);
  });

  test('but not so small that the fixed cost of a run dominates', () => {
    const batches = batcher({ maxWaitMs: 0, maxBatch: 16, stageMs: 10 });
    for (let i = 0; i < 20; i++) batches.add(0, sample(`${i}`, 5), 0);
    expect(batches.take(0)?.samples).toHaveLength(4);
  });
});

describe('removal from the queue', () => {
  test('samples whose deadline has passed are removed, at every stage', () => {
    const batches = batcher();
    batches.add(0, sample('late', 5), 0);
    batches.add(0, sample('patient', 50), 0);
    batches.add(2, sample('late too', 6), 1);
    batches.add(2, sample('for ever'), 2);
    expect(batches.nextDeadlineMs()).toBe(5);
    expect(batches.takeExpired(4.9)).toEqual([]);
    expect(batches.takeExpired(6).map(({ name }) => name)).toEqual(['late', 'late too']);
    expect(batches.nextDeadlineMs()).toBe(50);
    expect(batches.size).toBe(2);
    expect(names(batches.take(20))).toEqual(['for ever']);
  });

  test('removed samples have no deadline', () => {
    const batches = batcher();
    batches.add(0, sample('patient', 60_000), 0);
    expect(names(batches.take(10))).toEqual(['patient']);
    expect(batches.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test('removed samples are in no batch', () => {
    const batches = batcher();
    const all = ['a', 'b', 'c', 'd'].map((name) => sample(name));
    for (const one of all) batches.add(1, one, 0);
    for (const one of all.filter(({ name }) => name === 'b' || name === 'd')) {
      expect(batches.remove(one)).toBe(true);
      expect(batches.remove(one)).toBe(false);
    }
    expect(batches.take(5)).toBeNull();
    expect(names(batches.take(10))).toEqual(['a', 'c']);
  });

  test('many added and removed samples leave nothing behind', () => {
    const batches = batcher({ maxWaitMs: 1_000, maxBatch: 8 });
    const staying = sample('staying', 1e9);
    batches.add(0, staying, 0);
    for (let i = 0; i < 5_000; i++) {
      const gone = sample('gone', 1e9);
      batches.add(0, gone, i);
      batches.remove(gone);
    }
    expect(batches.size).toBe(1);
    expect(names(batches.take(6_000))).toEqual(['staying']);
    expect(batches.take(6_000)).toBeNull();
  });
});

test('a stage that does not exist is an error, not a lost sample', () => {
  expect(() => batcher().add(3, sample('a'), 0)).toThrow(/stage: expected 0 to 2, found 3/);
});
