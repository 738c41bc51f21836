import type { OfframpError } from '@offramp/runtime';
import { expect, test } from 'vitest';
import { Sender } from '../batching/fair-clock.js';
import { Admission } from './admission.js';
import { ServiceRate } from './service-rate.js';

/** A rate of one sample every `sampleMs`. */
function measured(sampleMs: number): ServiceRate {
  const rate = new ServiceRate();
  rate.setBusy(true, 0);
  for (let i = 0; i < 1_000; i++) rate.onLeft();
  rate.setBusy(false, 1_000 * sampleMs);
  return rate;
}

const forEver = Number.POSITIVE_INFINITY;

function refusal(admission: Admission, sender = new Sender(), patienceMs = forEver): OfframpError | null {
  try {
    admission.enter(sender, patienceMs, 0);
    return null;
  } catch (error) {
    return error as OfframpError;
  }
}

/** @returns number of admitted samples */
function fill(admission: Admission, sender: Sender): number {
  let entered = 0;
  while (refusal(admission, sender) === null) entered++;
  return entered;
}

test('refuses at once when all places are taken, and admits again when one is free', () => {
  const admission = new Admission(2, new ServiceRate());
  const [first, second] = [new Sender(), new Sender()];
  expect([refusal(admission, first), refusal(admission, second)]).toEqual([null, null]);
  expect(refusal(admission)).toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('all 2') });
  expect(admission.size).toBe(2);
  admission.leave(first);
  expect(refusal(admission)).toBeNull();
});

test('one sender alone cannot take every place, and leaves some to later senders', () => {
  const admission = new Admission(500, new ServiceRate());
  const greedy = new Sender();
  expect(fill(admission, greedy)).toBe(400);
  expect(refusal(admission, greedy)?.message).toContain('100 are free; you have 400');
  expect(fill(admission, new Sender())).toBeGreaterThan(50);
  expect(refusal(admission)).toBeNull();
});

test('a sender above its share is refused until it has less', () => {
  const admission = new Admission(100, new ServiceRate());
  const [early, late] = [new Sender(), new Sender()];
  fill(admission, early);
  fill(admission, late);
  for (let i = 0; i < 1_000; i++) {
    // Places become free one after the other, and both senders want them.
    admission.leave(i % 2 === 0 && early.inFlight > 0 ? early : late);
    if (refusal(admission, early)) refusal(admission, late);
  }
  expect(Math.abs(early.inFlight - late.inFlight)).toBeLessThan(10);
});

test('admits audits only while few places are taken, without effect on other senders', () => {
  const admission = new Admission(16, measured(100));
  const audits = new Sender();
  const audit = (): OfframpError | null => {
    try {
      admission.enterAudit(audits, forEver, 0);
      return null;
    } catch (error) {
      return error as OfframpError;
    }
  };
  for (let i = 0; i < 50; i++) passThrough(admission);
  expect(audit()).toBeNull();
  expect(refusal(admission)).toBeNull();
  const first = audit();
  expect(first).toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('fewer than 2') });
  for (let i = 0; i < 100; i++) audit();
  expect(audit()?.retryAfterMs).toBe(first?.retryAfterMs);
  expect(refusal(admission)).toBeNull();
});

test('asks for longer pauses the longer samples take, within bounds', () => {
  const retryAfterMs = (sampleMs: number) => {
    const admission = new Admission(1, measured(sampleMs));
    for (let i = 0; i < 100; i++) passThrough(admission);
    admission.enter(new Sender(), forEver, 0);
    return refusal(admission)?.retryAfterMs;
  };
  expect(retryAfterMs(0.1)).toBe(10);
  expect(retryAfterMs(400)).toBeGreaterThanOrEqual(200);
  expect(retryAfterMs(400)).toBeLessThan(2_000);
  expect(retryAfterMs(60_000)).toBe(5_000);
});

test('asks for longer pauses the more samples are refused, and resets when they are admitted again', () => {
  const admission = new Admission(2, measured(100));
  const pause = () => refusal(admission)?.retryAfterMs ?? 0;
  for (let i = 0; i < 50; i++) passThrough(admission);
  const staying = [new Sender(), new Sender()] as const;
  for (const sender of staying) admission.enter(sender, forEver, 0);
  const first = pause();
  for (let i = 0; i < 20; i++) pause();
  const last = pause();
  expect(last).toBeGreaterThan(first * 2);
  admission.leave(staying[0]);
  for (let i = 0; i < 50; i++) passThrough(admission);
  admission.enter(staying[0], forEver, 0);
  expect(pause()).toBeLessThanOrEqual(first * 2);
});

function passThrough(admission: Admission): void {
  const sender = new Sender();
  admission.enter(sender, forEver, 0);
  admission.leave(sender);
}

test('refuses at once a sample that would wait in vain, but not one whose turn is before the backlog of another sender', () => {
  const admission = new Admission(200, measured(10));
  const greedy = new Sender();
  for (let i = 0; i < 50; i++) admission.enter(greedy, forEver, 0);
  expect(refusal(admission, greedy, 400)).toMatchObject({
    code: 'OVERLOADED',
    message: 'an answer would take about 500 ms; you wait 400 ms',
    retryAfterMs: expect.any(Number),
  });
  expect(refusal(admission, greedy, 600)).toBeNull();
  expect(refusal(admission, new Sender(), 400)).toBeNull();
  expect(refusal(admission, new Sender(), 5)?.message).toContain('you wait 5 ms');
});

test('reports when it is empty', async () => {
  const admission = new Admission(2, new ServiceRate());
  await admission.empty();
  const sender = new Sender();
  admission.enter(sender, forEver, 0);
  let empty = false;
  const waiting = admission.empty().then(() => {
    empty = true;
  });
  await Promise.resolve();
  expect(empty).toBe(false);
  admission.leave(sender);
  await waiting;
  expect(empty).toBe(true);
});
