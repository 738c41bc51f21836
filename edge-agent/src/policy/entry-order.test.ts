import { expect, test } from 'vitest';
import { EntryOrder } from './entry-order.js';

function knowing(sequence: number): EntryOrder {
  const order = new EntryOrder();
  order.beginRead();
  order.endRead(sequence);
  return order;
}

test('what is heard counts once, and only if it is newer', () => {
  const order = knowing(5);
  expect(order.heard(5)).toBe('known');
  expect(order.heard(7)).toBe('newer');
  expect(order.heard(7)).toBe('known');
  expect(order.heard(6)).toBe('older');
  expect(order.heard(8)).toBe('newer');
});

test('what has no number is no news', () => {
  expect(knowing(5).heard(Number.NaN)).toBe('older');
  expect(new EntryOrder().heard(Number.NaN)).toBe('older');
});

test('what is read counts, be it lower than what was known, or nothing', () => {
  for (const sequence of [9, 5, 2, 0]) {
    const order = knowing(5);
    order.beginRead();
    expect(order.endRead(sequence)).toEqual({ applies: true, again: false });
    expect(order.heard(sequence + 1)).toBe('newer');
  }
});

test('what was heard while it was read is not undone by an answer from before', () => {
  const order = knowing(5);
  order.beginRead();
  expect(order.heard(6)).toBe('newer');
  expect(order.endRead(5)).toEqual({ applies: false, again: false });
  expect(order.heard(6)).toBe('known');
});

test('an answer may know more than what was heard while it was read', () => {
  const order = knowing(5);
  order.beginRead();
  order.heard(6);
  expect(order.endRead(7)).toEqual({ applies: true, again: false });
  expect(order.heard(7)).toBe('known');
});

test('a bucket made anew while it was read is read again: something of it may have been taken for old', () => {
  const order = knowing(5);
  order.beginRead();
  expect(order.heard(2)).toBe('older');
  expect(order.endRead(1)).toEqual({ applies: true, again: true });
  order.beginRead();
  expect(order.endRead(2)).toEqual({ applies: true, again: false });
});

test('what was heard before the bucket was asked does not make its answer late', () => {
  const order = knowing(5);
  order.heard(6);
  order.heard(3);
  order.beginRead();
  expect(order.endRead(2)).toEqual({ applies: true, again: false });
});
