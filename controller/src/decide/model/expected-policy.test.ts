import { canaryPlace, defaultMaxAuditBytesPerHour } from '@offramp/contracts';
import { expect, test } from 'vitest';
import { expectedPolicy } from './expected-policy.js';
import type { PolicyContent } from './policy-view.js';

const plain = {
  ...{ group: 'north', version: 3, thresholds: [0.5], bundleDigest: 'aa', author: '', reason: '' },
  ...{ auditRate: 0, maxAuditBytesPerHour: defaultMaxAuditBytesPerHour, latencyTargetMs: null },
};
const policy: PolicyContent = { ...plain, canary: null, exceptions: [] };
const place = canaryPlace('north', 3, 'cam-1');
const canary = (below: number, stable = {}) => ({
  below,
  stable: { ...plain, version: 2, bundleDigest: 'bb', ...stable },
});
const newest = { version: 3, bundleDigest: 'aa' };

test('a device in a canary should follow the newest policy, others the stable one', () => {
  expect(expectedPolicy(null, 'cam-1')).toEqual({ version: 0, bundleDigest: null });
  expect(expectedPolicy(policy, 'cam-1')).toEqual(newest);
  expect(expectedPolicy({ ...policy, canary: canary(place + 1) }, 'cam-1')).toEqual(newest);
  expect(expectedPolicy({ ...policy, canary: canary(place) }, 'cam-1')).toEqual({
    version: 2,
    bundleDigest: 'bb',
  });
});

test('the thresholds of the bundles are for no bundle in particular', () => {
  const stable = canary(place, { version: 0 });
  expect(expectedPolicy({ ...policy, canary: stable }, 'cam-1')).toEqual({ version: 0, bundleDigest: null });
});

test('a device with its own thresholds has them under the number of the newest policy', () => {
  const exceptions = [{ device: 'cam-1', thresholds: [1.5], auditRate: 0 }];
  expect(expectedPolicy({ ...policy, canary: canary(0), exceptions }, 'cam-1')).toEqual(newest);
  expect(expectedPolicy({ ...policy, canary: canary(0), exceptions }, 'cam-2').version).toBe(2);
});
