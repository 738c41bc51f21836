import { describe, expect, it } from 'vitest';
import type { ApiPolicy } from '../../src/http/schemas/index.js';
import { courseInWords, policyRows } from './policy-rows.js';

function policy(version: number, canaryShare: number | null, changes: ApiPolicy['changes']): ApiPolicy {
  return {
    ...{ group: 'cameras', version, thresholds: [0.9], bundleDigest: null, auditRate: 0.01 },
    ...{
      maxAuditBytesPerHour: 1,
      latencyTargetMs: null,
      canaryShare,
      exceptions: [],
      author: '',
      reason: '',
      requestId: '',
    },
    ...{ setAt: '2026-01-01T00:00:00.000Z', changes },
  };
}
const followed = (before: string, after: string) => ({ field: 'followed by', before, after });
const threshold = { field: 'threshold of branch 0', before: '0.9', after: '0.8' };

describe('policies of a group', () => {
  it('have one row per version, with all steps of its rollout', () => {
    const rows = policyRows([
      policy(4, 0.25, [followed('all', 'canaries')]),
      policy(3, null, [
        followed('canaries', 'all'),
        { field: 'outlier devices', before: 'none', after: 'cam-1' },
        { field: 'audit rate', before: '2 %', after: '1 %' },
      ]),
      policy(3, 0.5, [followed('canaries', 'other canaries')]),
      policy(3, 0.25, [
        followed('all', 'canaries'),
        threshold,
        { field: 'audit rate', before: '1 %', after: '2 %' },
      ]),
      policy(2, 0.25, [followed('all', 'canaries')]),
      policy(1, null, []),
    ]);
    expect(rows.map(({ policy }) => policy.version)).toEqual([4, 3, 2, 1]);
    expect(rows.map((row, i) => courseInWords(row, i === 0))).toEqual([
      'canary so far',
      'canary → more → all',
      'canary, not rolled out to all',
      '',
    ]);
    // A change that was reverted is not listed.
    expect(rows[1]?.changes).toEqual([
      threshold,
      { field: 'outlier devices', before: 'none', after: 'cam-1' },
    ]);
  });
});
