import type { OfframpError } from '@offramp/shared';
import { expect, test } from 'vitest';
import { Admission } from './admission.js';

function refusal(admission: Admission, audit = false): OfframpError | null {
  try {
    admission.enter(audit);
    return null;
  } catch (error) {
    return error as OfframpError;
  }
}

test('refuses at once when all places are taken, and admits again when one is free', () => {
  const admission = new Admission(2);
  admission.enter();
  admission.enter();
  expect(refusal(admission)).toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('2') });
  expect(admission.size).toBe(2);
  admission.leave(20);
  expect(refusal(admission)).toBeNull();
});

test('takes audits only while few places are taken', () => {
  const admission = new Admission(16);
  expect(refusal(admission, true)).toBeNull();
  expect(refusal(admission)).toBeNull();
  expect(refusal(admission, true)).toMatchObject({ code: 'OVERLOADED', retryAfterMs: expect.any(Number) });
  expect(refusal(admission)).toBeNull();
  admission.leave(1);
  admission.leave(1);
  expect(refusal(admission, true)).toBeNull();
});

test('tells to come back later the longer samples stay, within bounds', () => {
  const retryAfterMs = (stayMs: number) => {
    const admission = new Admission(1);
    for (let i = 0; i < 200; i++) {
      admission.enter();
      admission.leave(stayMs);
    }
    admission.enter();
    return refusal(admission)?.retryAfterMs;
  };
  expect(retryAfterMs(0)).toBe(10);
  expect(retryAfterMs(400)).toBe(200);
  expect(retryAfterMs(60_000)).toBe(5_000);
});

test('tells when it is empty', async () => {
  const admission = new Admission(2);
  await admission.empty();
  admission.enter();
  let empty = false;
  const waiting = admission.empty().then(() => {
    empty = true;
  });
  await Promise.resolve();
  expect(empty).toBe(false);
  admission.leave(1);
  await waiting;
  expect(empty).toBe(true);
});
