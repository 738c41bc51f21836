import { canaryPlace, defaultMaxAuditBytesPerHour, type PolicyInit, v1 } from '@offramp/contracts';
import { beforeEach, expect, test } from 'vitest';
import { PolicyHolder } from './policy-holder.js';

const scope = { group: 'north', device: 'cam-1', branches: 2, bundleDigest: new Uint8Array(32).fill(7) };
let holder: PolicyHolder;
beforeEach(() => {
  holder = new PolicyHolder(scope, [0.9, 0.8]);
});

const policy = (differing: PolicyInit = {}) =>
  v1.Policy.encode({ group: 'north', version: 3, thresholds: [0.5, 0.25], ...differing }).finish();

const noAudits = { auditRate: 0, maxAuditBytesPerHour: defaultMaxAuditBytesPerHour };
const plain = { ...noAudits, latencyTargetMs: null };

const place = canaryPlace('north', 3, 'cam-1');
const older: PolicyInit = {
  ...{ group: 'north', version: 2, thresholds: [0.75, 0.75], auditRate: 0.5 },
  ...{ maxAuditBytesPerHour: 7, latencyTargetMs: 9 },
};
const canary = (below: number, stable: PolicyInit | null = older) => ({ canary: { below, stable } });
const exception = (differing = {}) => ({
  device: 'cam-1',
  thresholds: [1.5, 1.5],
  auditRate: 1,
  ...differing,
});

test("starts with the bundle's thresholds, as float32 like those of every policy", () => {
  expect(holder.current).toEqual({
    ...plain,
    version: 0,
    thresholds: [Math.fround(0.9), Math.fround(0.8)],
  });
  expect(holder.error).toBeNull();
});

test('a valid policy replaces the active one; a sample in progress keeps its own', () => {
  const before = holder.current;
  expect(holder.offer(policy({ bundleDigest: scope.bundleDigest }))).toBe('applied');
  expect(holder.current).toEqual({ ...plain, version: 3, thresholds: [0.5, 0.25] });
  expect(before.thresholds).toEqual([Math.fround(0.9), Math.fround(0.8)]);
});

test('audits are part of a policy; without them there are none', () => {
  expect(holder.offer(policy({ auditRate: 0.25, maxAuditBytesPerHour: 1_000 }))).toBe('applied');
  expect(holder.current).toMatchObject({ auditRate: 0.25, maxAuditBytesPerHour: 1_000 });
  expect(holder.offer(policy({ auditRate: 0, maxAuditBytesPerHour: 0 }))).toBe('applied');
  expect(holder.current).toMatchObject({ auditRate: 0, maxAuditBytesPerHour: 0 });
  expect(holder.offer(policy())).toBe('applied');
  expect(holder.current).toMatchObject(noAudits);
});

test('a latency target is part of a policy', () => {
  holder.offer(policy({ latencyTargetMs: 12.5 }));
  expect(holder.current.latencyTargetMs).toBe(12.5);
});

test('a device whose place is below the canary follows the policy, the others the stable one', () => {
  expect(holder.offer(policy({ auditRate: 0.25, ...canary(place + 1) }))).toBe('applied');
  expect(holder.current).toEqual({ ...plain, version: 3, thresholds: [0.5, 0.25], auditRate: 0.25 });
  expect(holder.standing).toEqual({ role: 'canary', newestVersion: 3 });
  expect(holder.offer(policy({ auditRate: 0.25, ...canary(place) }))).toBe('applied');
  const { version, thresholds, auditRate, maxAuditBytesPerHour, latencyTargetMs } = older;
  expect(holder.current).toEqual({
    ...{ version, thresholds, auditRate, maxAuditBytesPerHour, latencyTargetMs },
  });
  expect(holder.standing).toEqual({ role: 'stable', newestVersion: 3 });
});

test('a promoted canary changes nothing for its devices, and reaches the others', () => {
  holder.offer(policy(canary(place + 1)));
  expect(holder.offer(policy())).toBe('unchanged');
  expect(holder.standing).toEqual({ role: 'group', newestVersion: 3 });
  holder.offer(policy(canary(place)));
  expect(holder.offer(policy())).toBe('applied');
  expect(holder.current.version).toBe(3);
});

test("a stable policy of version 0 means the bundle's thresholds, with its audit rate", () => {
  holder.offer(policy());
  const { thresholds } = new PolicyHolder(scope, [0.9, 0.8]).current;
  expect(holder.offer(policy({ auditRate: 0.25, ...canary(0, { auditRate: 0.125 }) }))).toBe('applied');
  expect(holder.current).toEqual({ ...plain, version: 0, thresholds, auditRate: 0.125 });
  holder.offer(policy({ auditRate: 0.25, ...canary(0, {}) }));
  expect(holder.current).toEqual({ ...plain, version: 0, thresholds });
});

test('a device among the exceptions has its own thresholds and audits, in a canary or not', () => {
  const exceptions = [exception({ device: 'cam-2', thresholds: [0, 0] }), exception()];
  const settings = { maxAuditBytesPerHour: 7, latencyTargetMs: 9 };
  for (const form of [{}, canary(0), canary(place + 1)]) {
    holder.offer(policy({ ...settings, ...form, exceptions }));
    expect(holder.current).toEqual({ ...settings, version: 3, thresholds: [1.5, 1.5], auditRate: 1 });
    expect(holder.standing.role).toBe('exception');
  }
});

test('the part that other devices follow may be for another bundle', () => {
  const foreign = { bundleDigest: new Uint8Array(32), thresholds: [0.5] };
  expect(holder.offer(policy({ ...foreign, ...canary(place) }))).toBe('applied');
  expect(holder.current.version).toBe(2);
  expect(holder.offer(policy(canary(place + 1, { ...older, ...foreign })))).toBe('applied');
  expect(holder.offer(policy(canary(place, { ...older, ...foreign })))).toBe('rejected');
});

test.each([
  ['another bundle', new Uint8Array(32), /policy 4 is for bundle 000000000000, found 070707070707 here/],
  ['a digest of the wrong length', new Uint8Array(3), /is for bundle 000000, found/],
])('a policy for %s is refused with its own code, and the previous one kept', (_, bundleDigest, message) => {
  const own = holder.current;
  const refused = { code: 'POLICY_OTHER_BUNDLE', message: expect.stringMatching(message) };
  const foreign = policy({ version: 4, bundleDigest, thresholds: [0, 0] });
  expect(holder.offer(foreign)).toBe('rejected');
  expect(holder.error).toMatchObject(refused);
  expect(holder.current).toEqual(own);
  holder.offer(policy());
  expect(holder.error).toBeNull();
  expect(holder.offer(foreign)).toBe('rejected');
  expect(holder.error).toMatchObject(refused);
  expect(holder.current.version).toBe(3);
});

test('the same policy again changes nothing', () => {
  holder.offer(policy());
  expect(holder.offer(policy())).toBe('unchanged');
});

test('a lower version is applied if it is the newest entry, as after a restore of the bucket', () => {
  holder.offer(policy({ version: 9 }));
  expect(holder.offer(policy({ version: 1 }))).toBe('applied');
});

/** A policy whose stable policies are nested canaries, encoded from the innermost outwards. */
function nested(depth: number): Uint8Array {
  const parts: Buffer[] = [];
  let length = 0;
  for (let i = 0; i < depth; i++) {
    // Field 10 of Policy, and field 2 of Canary in it.
    for (const tag of [0x12, 0x52]) {
      const header = [tag];
      for (let rest = length; ; rest >>>= 7) {
        if (rest < 128) {
          header.push(rest);
          break;
        }
        header.push((rest & 127) | 128);
      }
      parts.push(Buffer.from(header));
      length += header.length;
    }
  }
  return Buffer.concat(parts.reverse());
}

const bad: [string, Uint8Array, RegExp][] = [
  ['bytes that are not a policy', Uint8Array.of(0xff, 0xff, 0xff), /not a policy/],
  ['nothing', new Uint8Array(0), /group/],
  ['another group', policy({ group: 'south' }), /group north/],
  ['no version', policy({ version: 0 }), /version/],
  ['too few thresholds', policy({ thresholds: [0.5] }), /expected 2 thresholds/],
  ['too many thresholds', policy({ thresholds: [0.5, 0.5, 0.5] }), /expected 2 thresholds/],
  ['a negative threshold', policy({ thresholds: [0.5, -1] }), /found -1/],
  ['an audit rate above 1', policy({ auditRate: 1.5 }), /audit rate from 0 to 1; found 1.5/],
  ['an audit rate of NaN', policy({ auditRate: Number.NaN }), /found NaN/],
  [
    'a latency target of 0',
    policy({ latencyTargetMs: 0 }),
    /latency target: expected milliseconds above 0, up to an hour; found 0/,
  ],
  ['an infinite latency target', policy({ latencyTargetMs: Number.POSITIVE_INFINITY }), /found Infinity/],
  ['a canary without a stable policy', policy(canary(place, null)), /expected what the others follow/],
  ['a canary in a canary', policy(canary(place, { ...older, ...canary(1) })), /beside another one/],
  [
    'exceptions in a canary',
    policy(canary(place, { ...older, exceptions: [exception()] })),
    /exceptions of its own/,
  ],
  ['a stable policy that is newer', policy(canary(0, { ...older, version: 4 })), /older than 3, found 4/],
  ['a stable policy of another group', policy(canary(0, { ...older, group: 'south' })), /group north/],
  [
    'a stable policy with a wrong threshold',
    policy(canary(0, { ...older, thresholds: [1, -1] })),
    /found -1/,
  ],
  [
    'an exception with too few thresholds',
    policy({ exceptions: [exception({ thresholds: [1] })] }),
    /2 thresh/,
  ],
  [
    'an exception with a wrong audit rate',
    policy({ exceptions: [exception({ auditRate: 2 })] }),
    /audit rate/,
  ],
  ['a device excepted twice', policy({ exceptions: [exception(), exception()] }), /found it twice/],
  [
    'too many exceptions',
    policy({ exceptions: Array.from({ length: 101 }, (_, i) => exception({ device: `d${i}` })) }),
    /at most 100 exceptions, found 101/,
  ],
  ['too many bytes', policy({ reason: 'x'.repeat(2 ** 17) }), /at most 131072 bytes/],
  ['a canary in a canary in a canary …', nested(10_000), /not a policy/],
  ['a threshold of NaN', policy({ thresholds: [0.5, Number.NaN] }), /found NaN/],
];

test.each(bad)('rejects %s, and keeps the previous policy', (_, bytes, message) => {
  holder.offer(policy());
  expect(holder.offer(bytes)).toBe('rejected');
  expect(holder.current.version).toBe(3);
  expect(holder.error).toMatchObject({ code: 'POLICY_INVALID', message: expect.stringMatching(message) });
  expect(holder.offer(policy())).toBe('applied');
  expect(holder.error).toBeNull();
});
