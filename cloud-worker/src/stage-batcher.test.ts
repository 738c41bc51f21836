import { describe, expect, test } from 'vitest';
import { StageBatcher } from './stage-batcher.js';

interface Sample {
  name: string;
  arrivedMs: number;
  deadlineMs: number;
}

const sample = (name: string, arrivedMs: number, deadlineMs = Number.POSITIVE_INFINITY): Sample => ({
  name,
  arrivedMs,
  deadlineMs,
});

const batcher = (options: { maxBatch?: number; maxWaitMs?: number; overdueMs?: number } = {}) =>
  new StageBatcher<Sample>({ stages: 3, maxBatch: 3, maxWaitMs: 10, overdueMs: 1_000, ...options });

const names = (batch: { samples: Sample[] } | null) => batch?.samples.map(({ name }) => name) ?? null;

describe('holding', () => {
  test('a new sample is held for maxWaitMs, no longer', () => {
    const batches = batcher();
    batches.add(0, sample('a', 100), 100);
    expect(batches.nextReadyMs()).toBe(110);
    expect(batches.take(109.9)).toBeNull();
    expect(batches.take(110)).toEqual({ stage: 0, samples: [sample('a', 100)] });
    expect(batches.size).toBe(0);
    expect(batches.nextReadyMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test('a full batch goes at once, and takes no more than maxBatch', () => {
    const batches = batcher();
    for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) batches.add(0, sample(name, i), i);
    expect(names(batches.take(3))).toEqual(['a', 'b', 'c']);
    expect(batches.take(3)).toBeNull();
    expect(names(batches.take(13))).toEqual(['d']);
  });

  test('a sample that continues is not held again, and takes along those that wait at its stage', () => {
    const batches = batcher();
    batches.add(1, sample('new', 100), 100);
    batches.continue(1, sample('continuing', 95), 101);
    expect(names(batches.take(101))).toEqual(['continuing', 'new']);
  });

  test('after stopHolding everything goes at once', () => {
    const batches = batcher();
    batches.add(2, sample('a', 0), 0);
    expect(batches.take(0)).toBeNull();
    batches.stopHolding();
    expect(names(batches.take(0))).toEqual(['a']);
  });
});

describe('order', () => {
  test('of two stages that are ready the deeper goes first', () => {
    const batches = batcher();
    batches.continue(0, sample('shallow', 1), 20);
    batches.continue(2, sample('deep', 5), 20);
    batches.continue(1, sample('middle', 3), 20);
    expect([batches.take(20), batches.take(20), batches.take(20)].map(names)).toEqual([
      ['deep'],
      ['middle'],
      ['shallow'],
    ]);
  });

  test('a deeper stage that is not ready does not hold up a shallower one that is', () => {
    const batches = batcher();
    batches.add(2, sample('held', 19), 19);
    batches.continue(0, sample('ready', 1), 20);
    expect(names(batches.take(20))).toEqual(['ready']);
  });

  test('within a stage the oldest arrival goes first, whenever it reached the stage', () => {
    const batches = batcher({ maxBatch: 2 });
    batches.add(1, sample('b', 2), 2);
    batches.add(1, sample('c', 3), 3);
    batches.continue(1, sample('a', 1), 4);
    expect(names(batches.take(4))).toEqual(['a', 'b']);
  });

  test('an overdue sample goes before deeper stages, so that none starves', () => {
    const batches = batcher({ overdueMs: 50 });
    batches.continue(0, sample('old', 0), 1);
    batches.continue(1, sample('older', -1), 1);
    for (const name of ['x', 'y']) batches.continue(2, sample(name, 40), 40);
    expect(names(batches.take(49))).toEqual(['x', 'y']);
    batches.continue(2, sample('z', 45), 51);
    expect(names(batches.take(51))).toEqual(['older']);
    expect(names(batches.take(51))).toEqual(['old']);
    expect(names(batches.take(51))).toEqual(['z']);
  });
});

describe('leaving the queue', () => {
  test('samples whose deadline has passed are taken out, at every stage', () => {
    const batches = batcher();
    batches.add(0, sample('late', 0, 5), 0);
    batches.add(0, sample('patient', 0, 50), 0);
    batches.add(2, sample('late too', 1, 6), 1);
    batches.add(2, sample('for ever', 2), 2);
    expect(batches.nextDeadlineMs()).toBe(5);
    expect(batches.takeExpired(4.9)).toEqual([]);
    expect(batches.takeExpired(6).map(({ name }) => name)).toEqual(['late', 'late too']);
    expect(batches.nextDeadlineMs()).toBe(50);
    expect(batches.size).toBe(2);
    expect(names(batches.take(20))).toEqual(['for ever']);
  });

  test('samples that have left have no deadline', () => {
    const batches = batcher();
    batches.add(0, sample('patient', 0, 60_000), 0);
    expect(names(batches.take(10))).toEqual(['patient']);
    expect(batches.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test('removed samples are in no batch', () => {
    const batches = batcher();
    for (const name of ['a', 'b', 'c', 'd']) batches.add(1, sample(name, 0), 0);
    expect(batches.remove(({ name }) => name === 'b' || name === 'd').map(({ name }) => name)).toEqual([
      'b',
      'd',
    ]);
    expect(batches.take(5)).toBeNull();
    expect(names(batches.take(10))).toEqual(['a', 'c']);
  });
});

test('a stage that does not exist is an error, not a lost sample', () => {
  expect(() => batcher().add(3, sample('a', 0), 0)).toThrow(/stage: expected 0 to 2, found 3/);
});
