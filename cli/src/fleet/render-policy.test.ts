import { canaryPlace } from '@offramp/contracts';
import type { PolicyGap, PolicyView } from '@offramp/controller';
import { expect, test } from 'vitest';
import { bundleWarnings, describePolicy, formatHistory } from './render-policy.js';

const plain = {
  ...{ group: 'cameras', version: 5, thresholds: [0.8, 0.7], bundleDigest: null },
  ...{ author: 'controller', reason: 'cheaper', auditRate: 0.02, maxAuditBytesPerHour: 2_048 },
  latencyTargetMs: null,
};
const policy: PolicyView = { ...plain, canary: null, exceptions: [], setAt: new Date(0), requestId: '' };
const devices = ['cam-1', 'cam-2', 'cam-3', 'cam-7'];
const [, second = ''] = devices
  .filter((device) => device !== 'cam-7')
  .sort((a, b) => canaryPlace('cameras', 5, a) - canaryPlace('cameras', 5, b));
const canary = {
  below: canaryPlace('cameras', 5, second),
  stable: { ...plain, version: 4, thresholds: [0.9, 0.8] },
};
const exceptions = [
  { device: 'cam-7', thresholds: [1.5, 0.9], auditRate: 0.1 },
  { device: 'cam-9\u001b[2J', thresholds: [1.5, 1.5], auditRate: 0 },
];

test('describes a policy with its canary, the stable policy and exceptions', () => {
  const text = describePolicy({ ...policy, canary, exceptions, latencyTargetMs: 80 }, devices);
  expect(text.split('\n')).toEqual([
    'group cameras: policy 5',
    'thresholds  0.8 0.7',
    'for         any bundle',
    'canary      1 of 4 devices; the others follow policy 4, 0.9 0.8',
    'audits      2 % of samples, at most 2.0 KiB an hour and device',
    'late        above 80 ms',
    'outliers    cam-7  1.5 0.9, audits 10 %',
    '            cam-9 [2J  1.5 1.5, audits –',
    expect.stringMatching(/^set {9}.* by controller$/),
    'reason      cheaper',
  ]);
});

test('describes a policy without canary', () => {
  expect(describePolicy(policy, devices)).not.toMatch(/canary|outlier|late/);
});

test('describes a canary beside the thresholds of bundles', () => {
  const stable = { ...plain, version: 0, thresholds: [] };
  expect(describePolicy({ ...policy, canary: { below: 1, stable } }, [])).toContain(
    'the others follow the thresholds of their bundles',
  );
});

test('the history has a row per policy, with its reach and all thresholds', () => {
  const thresholds = [0.89966863, 0.8738552, 0.8738552, 0.999937, 1.5, 0.7, 0.6, 0.5];
  const entries = [policy, { ...policy, version: 6, thresholds, canary, exceptions }];
  const rows = formatHistory([...entries, { ...entries[1], canary: null } as PolicyView]).split('\n');
  expect(rows).toHaveLength(3);
  expect(rows[1]).toMatch(/^ +5 {2}.* controller {2}all +0\.8 0\.7 +any +2 % {2}cheaper$/);
  expect(rows[2]).toMatch(
    /^ +6 {2}.* controller {2}canary, 2 outliers → all, 2 outliers \d\d:\d\d:00 {2}0\.8997 0\.8739 0\.8739 0\.999937 never 0\.7 0\.6 0\.5 /,
  );
});

test('warns about devices with other bundles', () => {
  const gap: PolicyGap = {
    ...{ policyVersion: 5, policyBundleDigest: 'a'.repeat(64), error: '' },
    reason: 'other-bundle',
    ...{ bundleDigest: 'b'.repeat(64), bundleName: 'shoes\u001b[2J', devices: 1, names: ['cam-3'] },
  };
  const set = { onlineDevices: 3, bundles: 2, gaps: [] };
  const bound = { ...policy, bundleDigest: 'a'.repeat(64) };
  expect(bundleWarnings({ policy: bound, ...set, gaps: [gap] })).toEqual([
    '1 device does not follow policy 5, which is for bundle aaaaaaaaaaaa: cam-3 runs bbbbbbbbbbbb (shoes [2J).',
  ]);
  expect(bundleWarnings({ policy, ...set })).toEqual([
    'policy 5 is for any bundle, and devices of the group run 2 different ones',
  ]);
  expect(bundleWarnings({ policy, ...set, bundles: 1 })).toEqual([]);
});
