import { describe, expect, it } from 'vitest';
import type { PolicyView } from '../decide/model/policy-view.js';
import { policyChanges } from './policy-changes.js';

const policy: PolicyView = {
  group: 'cameras',
  version: 3,
  thresholds: [0.9, 2],
  author: 'ada',
  reason: '',
  auditRate: 0.02,
  maxAuditBytesPerHour: 1_000,
  setAt: new Date(0),
  requestId: '',
  bundleDigest: null,
  latencyTargetMs: null,
  canary: null,
  exceptions: [],
};

describe('policyChanges', () => {
  it('lists changes that affect devices', () => {
    const after = { ...policy, version: 4, thresholds: [0.85, 2], auditRate: 0.015, author: 'bob' };
    expect(policyChanges(policy, after)).toEqual([
      { field: 'threshold of branch 0', before: '0.9', after: '0.85' },
      { field: 'audit rate', before: '2 %', after: '1.5 %' },
    ]);
    expect(policyChanges(policy, { ...policy, version: 4 })).toEqual([]);
  });

  it('lists changes of canaries, outliers and latency targets', () => {
    const { version, canary: _, exceptions: __, setAt, ...plain } = policy;
    const tried = { ...policy, canary: { below: 2 ** 30, stable: { ...plain, version: 2 } } };
    expect(policyChanges(policy, tried)).toEqual([
      { field: 'followed by', before: 'all', after: 'canaries' },
    ]);
    const exceptions = ['cam-1', 'cam-2'].map((device) => ({ device, thresholds: [2, 2], auditRate: 1 }));
    expect(policyChanges(tried, { ...policy, exceptions, latencyTargetMs: 80 })).toEqual([
      { field: 'followed by', before: 'canaries', after: 'all' },
      { field: 'outlier devices', before: 'none', after: 'cam-1, cam-2' },
      { field: 'late after', before: 'no limit', after: '80 ms' },
    ]);
  });

  it('lists a change of the bundle', () => {
    expect(policyChanges(policy, { ...policy, bundleDigest: 'ab'.repeat(32) })).toEqual([
      { field: 'bundle', before: 'any', after: 'abababababab' },
    ]);
  });

  it('lists all fields of the first policy, and added or removed branches', () => {
    expect(policyChanges(null, policy).map(({ before, after }) => [before, after])).toEqual([
      [null, '0.9'],
      [null, 'never'],
      [null, 'any'],
      [null, 'all'],
      [null, 'none'],
      [null, 'no limit'],
      [null, '2 %'],
      [null, '1000'],
    ]);
    expect(policyChanges(policy, { ...policy, thresholds: [0.9] })).toEqual([
      { field: 'threshold of branch 1', before: 'never', after: 'removed' },
    ]);
    expect(policyChanges({ ...policy, thresholds: [0.9] }, policy)).toEqual([
      { field: 'threshold of branch 1', before: null, after: 'never' },
    ]);
  });
});
