import { defaultMaxAuditBytesPerHour, type PolicyMessage, v1 } from '@offramp/shared';
import { beforeEach, expect, test } from 'vitest';
import { PolicyHolder } from './policy-holder.js';

const scope = { group: 'north', branches: 2, bundleDigest: new Uint8Array(32).fill(7) };
let holder: PolicyHolder;
beforeEach(() => {
  holder = new PolicyHolder(scope, [0.9, 0.8]);
});

const policy = (differing: PolicyMessage = {}) =>
  v1.Policy.encode({ group: 'north', version: 3, thresholds: [0.5, 0.25], ...differing }).finish();

const noAudits = { auditRate: 0, maxAuditBytesPerHour: defaultMaxAuditBytesPerHour };

test("the bundle's thresholds hold at first, as float32 like those of every policy", () => {
  expect(holder.current).toEqual({
    ...noAudits,
    version: 0,
    thresholds: [Math.fround(0.9), Math.fround(0.8)],
  });
  expect(holder.error).toBeNull();
});

test('a good policy replaces what was there; what a sample holds does not change', () => {
  const before = holder.current;
  expect(holder.offer(policy({ bundleDigest: scope.bundleDigest }))).toBe('applied');
  expect(holder.current).toEqual({ ...noAudits, version: 3, thresholds: [0.5, 0.25] });
  expect(before.thresholds).toEqual([Math.fround(0.9), Math.fround(0.8)]);
});

test('audits are part of a policy, none where it says nothing', () => {
  expect(holder.offer(policy({ auditRate: 0.25, maxAuditBytesPerHour: 1_000 }))).toBe('applied');
  expect(holder.current).toMatchObject({ auditRate: 0.25, maxAuditBytesPerHour: 1_000 });
  expect(holder.offer(policy({ auditRate: 0, maxAuditBytesPerHour: 0 }))).toBe('applied');
  expect(holder.current).toMatchObject({ auditRate: 0, maxAuditBytesPerHour: 0 });
  expect(holder.offer(policy())).toBe('applied');
  expect(holder.current).toMatchObject(noAudits);
});

test('the same again is no change', () => {
  holder.offer(policy());
  expect(holder.offer(policy())).toBe('unchanged');
});

test('an older number is applied when it is the newest entry: somebody restored the bucket', () => {
  holder.offer(policy({ version: 9 }));
  expect(holder.offer(policy({ version: 1 }))).toBe('applied');
});

const bad: [string, Uint8Array, RegExp][] = [
  ['bytes that are no policy', Uint8Array.of(0xff, 0xff, 0xff), /no policy/],
  ['nothing', new Uint8Array(0), /group/],
  ['another group', policy({ group: 'south' }), /group north/],
  ['another bundle', policy({ bundleDigest: new Uint8Array(32) }), /is for bundle 000000000000/],
  ['a digest of the wrong length', policy({ bundleDigest: new Uint8Array(3) }), /is for bundle/],
  ['no version', policy({ version: 0 }), /version/],
  ['too few thresholds', policy({ thresholds: [0.5] }), /expected 2 thresholds/],
  ['too many thresholds', policy({ thresholds: [0.5, 0.5, 0.5] }), /expected 2 thresholds/],
  ['a negative threshold', policy({ thresholds: [0.5, -1] }), /found -1/],
  ['an audit rate above 1', policy({ auditRate: 1.5 }), /audit rate from 0 to 1; found 1.5/],
  ['an audit rate that is no number', policy({ auditRate: Number.NaN }), /found NaN/],
  ['a threshold that is no number', policy({ thresholds: [0.5, Number.NaN] }), /found NaN/],
];

test.each(bad)('%s is rejected, the last one kept', (_, bytes, message) => {
  holder.offer(policy());
  expect(holder.offer(bytes)).toBe('rejected');
  expect(holder.current.version).toBe(3);
  expect(holder.error).toMatchObject({ code: 'POLICY_INVALID', message: expect.stringMatching(message) });
  expect(holder.offer(policy())).toBe('applied');
  expect(holder.error).toBeNull();
});
