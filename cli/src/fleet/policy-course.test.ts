import type { PolicyView } from '@offramp/controller';
import { expect, it } from 'vitest';
import { policyCourses } from './policy-course.js';

const plain = {
  ...{ group: 'cameras', thresholds: [0.8, 0.7], bundleDigest: null, author: '', reason: '' },
  ...{ auditRate: 0, maxAuditBytesPerHour: 0, latencyTargetMs: null },
};
const noon = new Date(2026, 2, 1, 12, 0, 0);
const after = (seconds: number) => new Date(noon.getTime() + 1_000 * seconds);
const entry = (version: number, seconds: number, canary: boolean, outlier = 0): PolicyView => ({
  ...plain,
  version,
  setAt: after(seconds),
  requestId: '',
  canary: canary ? { below: 1, stable: { ...plain, version: version - 1 } } : null,
  exceptions: Array.from({ length: outlier }, (_, i) => ({
    device: `cam-${i}`,
    thresholds: [],
    auditRate: 0,
  })),
});

it('has one course per version, with the times at which more devices got it', () => {
  const history = [entry(1, 0, false), entry(2, 10, true), entry(2, 70, false), entry(2, 90, false, 1)];
  const courses = policyCourses([...history, entry(3, 100, true), entry(3, 100_000, false)]);
  expect(courses.map(({ first, reach }) => [first.version, reach])).toEqual([
    [1, 'all'],
    [2, 'canary → all 12:01:10 → all, 1 outlier 12:01:30'],
    [3, 'canary → all 2026-03-02 15:46:40'],
  ]);
  expect(courses[1]).toMatchObject({ first: { setAt: after(10) }, last: { setAt: after(90) } });
});

it('does not repeat the reach of a policy if other fields changed', () => {
  expect(policyCourses([entry(1, 0, true), entry(1, 1, true)])).toMatchObject([{ reach: 'canary' }]);
});
