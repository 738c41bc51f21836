import { expect, test } from 'vitest';
import { Slots } from './slots.js';

test('grants no more places than the limit, and the next one when a place is released', async () => {
  const slots = new Slots(2);
  const [first, second] = [slots.tryTake(), slots.tryTake()];
  expect(slots.tryTake()).toBeNull();
  let got = false;
  const third = slots.take().then((slot) => {
    got = true;
    return slot;
  });
  await Promise.resolve();
  expect(got).toBe(false);
  first?.release();
  expect(await third).not.toBeNull();
  expect(slots.inFlight).toBe(2);
  second?.release();
  expect(slots.inFlight).toBe(1);
});

test('counts a place that is released twice once', () => {
  const slots = new Slots(1);
  const slot = slots.tryTake();
  slot?.release();
  const other = slots.tryTake();
  slot?.release();
  expect(other).not.toBeNull();
  expect(slots.inFlight).toBe(1);
});

test('each user leaves the reserved places to the other', async () => {
  const slots = new Slots(4, 1);
  for (let i = 0; i < 3; i++) await slots.take();
  let got = false;
  const waiting = slots.take().then((slot) => {
    got = true;
    return slot;
  });
  const last = slots.tryTake();
  expect(last).not.toBeNull();
  expect(slots.tryTake()).toBeNull();
  last?.release();
  await Promise.resolve();
  expect(got).toBe(false);
  slots.close();
  expect(await waiting).toBeNull();

  const others = new Slots(4, 1);
  for (let i = 0; i < 3; i++) expect(others.tryTake()).not.toBeNull();
  expect(others.hasRoom('request')).toBe(false);
  expect(others.tryTake()).toBeNull();
  expect(others.describe()).toBe('3 of 4 taken, of which requests have 3 of at most 3');
  expect(await others.take()).not.toBeNull();
  expect(others.inFlight).toBe(4);
});

test('closing ends waits, and idle settles when the last place is released', async () => {
  const slots = new Slots(1);
  const slot = slots.tryTake();
  const waiting = slots.take();
  slots.close();
  expect(await waiting).toBeNull();
  expect(await slots.take()).toBeNull();
  let idle = false;
  const idling = slots.idle().then(() => {
    idle = true;
  });
  await Promise.resolve();
  expect(idle).toBe(false);
  slot?.release();
  await idling;
});
