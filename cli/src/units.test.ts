import { describe, expect, it } from 'vitest';
import { formatDuration } from './units.js';

describe('formatDuration', () => {
  it.each([
    [1, '1 s'],
    [119_000, '119 s'],
    [119_001, '2 min'],
    [7_140_000, '119 min'],
    [7_200_000, '2 h 0 min'],
    [11_100_000, '3 h 5 min'],
  ])('%d ms: %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});
