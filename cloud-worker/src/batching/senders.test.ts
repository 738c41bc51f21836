import { expect, test } from 'vitest';
import { Senders } from './senders.js';

test('streams and calls with one key have one sender, until the last is released', () => {
  const senders = new Senders();
  const first = senders.take('a');
  expect(senders.take('a')).toBe(first);
  expect(senders.take('b')).not.toBe(first);
  senders.release('a');
  expect(senders.take('a')).toBe(first);
  senders.release('a');
  senders.release('a');
  expect(senders.take('a')).not.toBe(first);
});
