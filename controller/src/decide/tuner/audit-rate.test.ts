import { describe, expect, it } from 'vitest';
import { auditRate } from './audit-rate.js';

describe('auditRate', () => {
  it('costs at most two samples in a hundred when steady, more while uncertain', () => {
    expect(auditRate('steady', 0.9) * 0.9).toBeLessThan(0.02);
    expect(auditRate('uncertain', 0.9)).toBeGreaterThan(auditRate('settling', 0.9));
    expect(auditRate('settling', 0.9)).toBeGreaterThan(auditRate('steady', 0.9));
  });

  it('audits every sample if none exits early', () => {
    expect(auditRate('steady', 0)).toBe(1);
    expect(auditRate('uncertain', 0.2)).toBe(0.5);
  });
});
