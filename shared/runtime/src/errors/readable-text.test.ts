import { expect, test } from 'vitest';
import { unreadableNames } from '../testing/outside-names.js';
import { OfframpError } from './offramp-error.js';
import { quoted, readableText, shortText } from './readable-text.js';

test('characters that act on a terminal are written as escapes; all others stay', () => {
  expect(readableText('a\u001b[31m\u009b\u202eb\u2028')).toBe('a\\u001b[31m\\u009b\\u202eb\\u2028');
  for (const text of ['Größe 靴 👟\n\tsecond line', '']) expect(readableText(text)).toBe(text);
});

test('JSON stays JSON of the same value', () => {
  const value = { text: [...unreadableNames.values()].join('') };
  expect(JSON.parse(readableText(JSON.stringify(value)))).toEqual(value);
});

test('a long text is cut', () => {
  expect(shortText('abcdef', 6)).toBe('abcdef');
  expect(shortText('abcdef', 5)).toBe('abcd…');
});

test('a quotation is on one line and short', () => {
  expect(quoted('a"\nb')).toBe('"a\\"\\nb"');
  expect(quoted('a\u202eb')).toBe('"a\\u202eb"');
  expect(quoted('n'.repeat(10_000))).toBe(`"${'n'.repeat(99)}…"`);
});

test('an error does not act on a terminal, and has a limited length', () => {
  const error = new OfframpError('USAGE', `found a\u001b[2Jb\n${'n'.repeat(10_000)}`, { hint: 'a\u202eb' });
  expect(error.message).toMatch(/^found a\\u001b\[2Jb\nn+…$/);
  expect(error.message.length).toBeLessThan(4_100);
  expect(error.hint).toBe('a\\u202eb');
});
