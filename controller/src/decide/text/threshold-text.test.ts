import { describe, expect, it } from 'vitest';
import { thresholdText } from './threshold-text.js';

describe('thresholdText', () => {
  it.each([
    [0, '0'],
    [0.9, '0.9'],
    [0.92067933, '0.9207'],
    [0.9991729, '0.99917'],
    [0.9999373, '0.999937'],
    [0.99999386, '0.9999939'],
    [1, '1'],
    [2, 'never'],
  ])('%d', (threshold, text) => {
    expect(thresholdText(threshold)).toBe(text);
  });
});
