import { expect, test } from 'vitest';
import { count, integer, keepUnits, percent, points, significant, threshold } from './format.js';

test.each([
  [percent(0.9421), '94.2 %'],
  [percent(-0.0001), '0.0 %'],
  [points(-0.0021), '−0.21 points'],
  [integer(12_345.4), '12,345'],
  [significant(0.012345), '0.0123'],
  [count(850), '850'],
  [keepUnits('5 of 6 k, 1.5 % or 2 points'), '5 of 6\u00a0k, 1.5\u00a0% or 2\u00a0points'],
  [count(125_485_696), '125.5 M'],
  [threshold(0.885732), '0.886'],
  [threshold(1), '1'],
  [threshold(2), 'never'],
])('%s', (found, expected) => expect(found).toBe(expected));
