import { Bundle } from '@offramp/bundle';
import { Lifecycle } from '@offramp/contracts';
import { beforeAll, expect, test } from 'vitest';
import { exampleBundleDirectory } from '../testing/example.js';
import { answeredResult } from '../testing/results.js';
import { EvidenceByPolicy } from './evidence-by-policy.js';
import { type EndedWindow, ReportBacklog } from './report-backlog.js';
import { WindowCounts } from './window-counts.js';

let bundle: Bundle;
beforeAll(async () => {
  bundle = await Bundle.open(exampleBundleDirectory);
});

const identity = { device: 'a', group: 'b', bootId: 'c' };

function window(samples: number, policyVersion = 0): EndedWindow {
  const counts = new WindowCounts(bundle.manifest);
  const evidence = new EvidenceByPolicy(bundle.branches);
  for (let i = 0; i < samples; i++) {
    const result = answeredResult(0, { answer: { policyVersion } });
    counts.countResult(result);
    evidence.countAnswer(result);
  }
  return { counts, evidence, windowMs: 10, state: { lifecycle: Lifecycle.LIFECYCLE_RUNNING, policyVersion } };
}

function drain(backlog: ReportBacklog) {
  const reports = [];
  for (let report = backlog.next(); report; report = backlog.next()) {
    reports.push(report);
    backlog.acknowledge();
  }
  return reports;
}

test('returns reports in order, each until it is acknowledged', () => {
  const backlog = new ReportBacklog(identity, 10);
  backlog.add(window(1));
  backlog.add(window(2));
  const first = backlog.next();
  expect(first).toMatchObject({ ...identity, sequence: 1, windowMs: 10, window: { samples: 1 } });
  expect(backlog.next()).toBe(first);
  backlog.acknowledge();
  expect(backlog.next()).toMatchObject({ sequence: 2, window: { samples: 2 } });
  expect(backlog.size).toBe(1);
});

test('merges windows if there are too many, without losing a count or a number', () => {
  const backlog = new ReportBacklog(identity, 3);
  for (let i = 1; i <= 8; i++) backlog.add(window(i, i));
  expect(backlog.size).toBe(3);
  const reports = drain(backlog);
  expect(reports.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  expect(reports.map((report) => report.window?.samples)).toEqual([21, 7, 8]);
  expect(reports.map(({ windowMs }) => windowMs)).toEqual([60, 10, 10]);
  expect(reports.map((report) => report.state?.policyVersion)).toEqual([6, 7, 8]);
});

test('does not merge into a report that may have arrived', () => {
  const backlog = new ReportBacklog(identity, 2);
  backlog.add(window(1));
  const sent = backlog.next();
  for (let i = 2; i <= 5; i++) backlog.add(window(i));
  expect(backlog.next()).toBe(sent);
  expect(drain(backlog).map((report) => report.window?.samples)).toEqual([1, 9, 5]);
});

test('keeps evidence per policy in merged windows', () => {
  const backlog = new ReportBacklog(identity, 2);
  for (const [samples, version] of [
    [1, 1],
    [2, 1],
    [4, 2],
    [8, 2],
  ] as const)
    backlog.add(window(samples, version));
  const evidence = drain(backlog).flatMap((report) => report.window?.evidence ?? []);
  const samplesUnder = (version: number) =>
    evidence.reduce(
      (sum, { policyVersion, samples }) => sum + (policyVersion === version ? (samples ?? 0) : 0),
      0,
    );
  expect([1, 2].map(samplesUnder)).toEqual([3, 12]);
});
