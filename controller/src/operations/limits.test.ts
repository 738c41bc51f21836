import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { setGoalsInput, setModeInput } from './goals.js';
import { maxAuthorLength, maxReasonLength } from './limits.js';
import { parseInput } from './parse-input.js';
import { rollBackInput, setPolicyInput } from './policies.js';

/** Every change with an author. */
const changes: [string, z.ZodObject, Record<string, unknown>][] = [
  ['policy', setPolicyInput, { thresholds: [0.5] }],
  ['rollback', rollBackInput, { version: 1 }],
  ['goals', setGoalsInput, { goals: [] }],
  ['mode', setModeInput, { mode: 'auto' }],
];

describe.each(changes)('%s', (where, schema, rest) => {
  it('accepts an author and a reason up to their limits', () => {
    const by = { author: 'a'.repeat(maxAuthorLength), reason: 'r'.repeat(maxReasonLength) };
    expect(parseInput(where, schema, { ...rest, ...by })).toMatchObject(by);
    expect(parseInput(where, schema, rest)).toMatchObject({ author: '', reason: '' });
  });

  it.each([
    ['author', maxAuthorLength],
    ['reason', maxReasonLength],
  ])('rejects a longer %s', (field, most) => {
    const long = { ...rest, [field]: 'x'.repeat(most + 1) };
    expect(() => parseInput(where, schema, long)).toThrow(
      expect.objectContaining({
        code: 'REQUEST_INVALID',
        message: `${where}.${field}: expected at most ${most} characters; found ${most + 1}`,
      }),
    );
  });
});
