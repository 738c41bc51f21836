import { expect, test } from 'vitest';
import { EntryOrder } from './entry-order.js';

function orderAt(sequence: number): EntryOrder {
  const order = new EntryOrder();
  order.beginRead();
  order.endRead(sequence);
  return order;
}

test('a published entry counts once, and only if it is newer', () => {
  const order = orderAt(5);
  expect(order.notePublished(5)).toBe('known');
  expect(order.notePublished(7)).toBe('newer');
  expect(order.notePublished(7)).toBe('known');
  expect(order.notePublished(6)).toBe('older');
  expect(order.notePublished(8)).toBe('newer');
});

test('an entry without a sequence is not new', () => {
  expect(orderAt(5).notePublished(Number.NaN)).toBe('older');
  expect(new EntryOrder().notePublished(Number.NaN)).toBe('older');
});

test('an entry that is read counts', () => {
  for (const sequence of [9, 5]) {
    const order = orderAt(5);
    order.beginRead();
    expect(order.endRead(sequence)).toEqual({ applies: true, again: false });
    expect(order.notePublished(sequence + 1)).toBe('newer');
  }
});

test('an entry with a lower sequence counts when a second read confirms it, and so does none', () => {
  for (const sequence of [2, 0]) {
    const order = orderAt(5);
    order.beginRead();
    expect(order.endRead(sequence)).toEqual({ applies: false, again: true });
    order.beginRead();
    expect(order.endRead(sequence)).toEqual({ applies: true, again: false });
    expect(order.notePublished(sequence + 1)).toBe('newer');
  }
});

test('a server that lags behind does not bring an old entry back', () => {
  const order = orderAt(5);
  for (let i = 0; i < 3; i++) {
    order.beginRead();
    expect(order.endRead(4).applies).toBe(false);
    order.beginRead();
    expect(order.endRead(5)).toEqual({ applies: true, again: false });
  }
});

test('an entry published during a read is not undone by an older result', () => {
  const order = orderAt(5);
  order.beginRead();
  expect(order.notePublished(6)).toBe('newer');
  expect(order.endRead(5)).toEqual({ applies: false, again: false });
  expect(order.notePublished(6)).toBe('known');
});

test('the result of a read may be newer than an entry published in the meantime', () => {
  const order = orderAt(5);
  order.beginRead();
  order.notePublished(6);
  expect(order.endRead(7)).toEqual({ applies: true, again: false });
  expect(order.notePublished(7)).toBe('known');
});

test('a bucket created anew during a read is read again, because its entries may have seemed old', () => {
  const order = orderAt(5);
  order.beginRead();
  expect(order.notePublished(2)).toBe('older');
  expect(order.endRead(1)).toEqual({ applies: true, again: true });
  order.beginRead();
  expect(order.endRead(2)).toEqual({ applies: true, again: false });
});

test('entries published before a read do not affect its result', () => {
  const order = orderAt(5);
  order.notePublished(6);
  order.notePublished(3);
  order.beginRead();
  expect(order.endRead(6)).toEqual({ applies: true, again: false });
});
