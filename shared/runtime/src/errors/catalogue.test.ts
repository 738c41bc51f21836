import { describe, expect, it } from 'vitest';
import { describeError, errorCodes } from './catalogue.js';

describe('describeError', () => {
  it.each(errorCodes)('says of %s what it means and what to do, in sentences', (code) => {
    const { meaning, action } = describeError(code);
    for (const text of [meaning, action]) expect(text).toMatch(/^[A-Z].*\.$/);
  });

  it.each(errorCodes)('gives %s statuses that mean a failure', (code) => {
    const { httpStatus, exitStatus } = describeError(code);
    expect(httpStatus).toBeGreaterThanOrEqual(400);
    expect(httpStatus).toBeLessThan(600);
    expect(exitStatus).toBeGreaterThan(0);
  });

  it('tells wrong usage from other failures by the exit status', () => {
    const usage = errorCodes.filter((code) => describeError(code).exitStatus === 2);
    expect(usage).toEqual(['USAGE', 'CONFIG_INVALID']);
  });
});
