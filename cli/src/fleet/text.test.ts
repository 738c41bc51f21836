import { describe, expect, it } from 'vitest';
import {
  clip,
  formatAuditRate,
  formatDuration,
  formatMs,
  formatRate,
  formatShare,
  printable,
} from './text.js';

describe('printable', () => {
  it('removes everything that a terminal would act on', () => {
    expect(printable('\u001b[2J\u001b]0;title\u0007ok\r\nnext\u202e\u2028line\u009b31m')).toBe(
      '[2J ]0;title ok next line 31m',
    );
    expect(printable('Größe 靴')).toBe('Größe 靴');
  });
});

describe('clip', () => {
  it.each([
    ['short', 5, 'short'],
    ['longer', 5, 'long…'],
    ['靴靴靴', 5, '靴靴…'],
    ['靴靴靴', 6, '靴靴靴'],
    ['ab', 1, '…'],
  ])('cuts %s to %d columns', (text, width, expected) => expect(clip(text, width)).toBe(expected));
});

describe('numbers', () => {
  it('are short, and – for 0', () => {
    expect([0, 400, 9_940, 9_960, 99_400, 300_000, 7_200_000, 2e8].map(formatDuration)).toEqual([
      ...['0.0 s', '0.4 s', '9.9 s', '10 s', '99 s', '5 min', '2 h', '2 d'],
    ]);
    expect([0, 0.4219, 3.14, 27.4, 1_240].map(formatMs)).toEqual(['–', '0.42', '3.1', '27', '1,240']);
    expect([0.5, 12.34, 99.96, 12_400].map(formatRate)).toEqual(['0.5', '12.3', '100', '12,400']);
    expect(formatShare(1, 0)).toBe('–');
    expect(formatShare(0, 7)).toBe('0.0 %');
    expect(formatShare(999, 1_000)).toBe('99.9 %');
    expect(formatShare(7, 7)).toBe('100 %');
    expect([0, 1, 0.025, 0.01, 0.0005].map(formatAuditRate)).toEqual([
      '–',
      '100 %',
      '2.5 %',
      '1 %',
      '0.05 %',
    ]);
  });
});
