import stringWidth from 'string-width';
import { expect, it } from 'vitest';
import { wrapLine } from './wrap-lines.js';

const line = 'thresholds went down, since audits prove 98.5 % agreement';

it('breaks at words, and indents the following lines', () => {
  const lines = wrapLine(line, 20).split('\n');
  expect(lines).toEqual(['thresholds went', '  down, since audits', '  prove 98.5 %', '  agreement']);
  for (const each of lines) expect(stringWidth(each)).toBeLessThanOrEqual(20);
});

it('keeps a number and its % together', () => {
  expect(wrapLine('at least 98 % of samples', 12)).toBe('at least\n  98 % of\n  samples');
});

it('does not break lines that fit, words that are too long, and output without a terminal', () => {
  expect(wrapLine(line, 100)).toBe(line);
  expect(wrapLine('abcdefghij', 4)).toBe('abcdefghij');
  expect(wrapLine(line, null)).toBe(line);
});

it('keeps colours across a break', () => {
  expect(wrapLine('\u001b[2mone two\u001b[22m', 4)).toBe('\u001b[2mone\u001b[22m\n  \u001b[2mtwo\u001b[22m');
});
