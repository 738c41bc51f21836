import { canaryPlace, defaultMaxAuditBytesPerHour } from '@offramp/contracts';
import { expect, test } from 'vitest';
import { expectedVersion } from './expected-version.js';
import type { PolicyContent } from './policy-view.js';

const plain = {
  ...{ group: 'north', version: 3, thresholds: [0.5], bundleDigest: null, author: '', reason: '' },
  ...{ auditRate: 0, maxAuditBytesPerHour: defaultMaxAuditBytesPerHour, latencyTargetMs: null },
};
const policy: PolicyContent = { ...plain, canary: null, exceptions: [] };
const place = canaryPlace('north', 3, 'cam-1');
const canary = (below: number) => ({ below, stable: { ...plain, version: 2 } });

test('a device in a canary should follow the newest policy, others the stable one', () => {
  expect(expectedVersion(null, 'cam-1')).toBe(0);
  expect(expectedVersion(policy, 'cam-1')).toBe(3);
  expect(expectedVersion({ ...policy, canary: canary(place + 1) }, 'cam-1')).toBe(3);
  expect(expectedVersion({ ...policy, canary: canary(place) }, 'cam-1')).toBe(2);
});

test('a device with its own thresholds has them under the number of the newest policy', () => {
  const exceptions = [{ device: 'cam-1', thresholds: [1.5], auditRate: 0 }];
  expect(expectedVersion({ ...policy, canary: canary(0), exceptions }, 'cam-1')).toBe(3);
  expect(expectedVersion({ ...policy, canary: canary(0), exceptions }, 'cam-2')).toBe(2);
});
