import { expect, it } from 'vitest';
import { percentText } from './percent-text.js';

it.each([
  [0, '0 %'],
  [1, '100 %'],
  [0.984, '98.4 %'],
  [0.12345, '12.3 %'],
  [0.999999, '99.9999 %'],
  [0.9996, '99.96 %'],
  [0.0004, '0.04 %'],
])('writes %f as %s', (share, text) => {
  expect(percentText(share)).toBe(text);
});
