import { shortDigest } from '@offramp/runtime';
import type { PolicyView } from '../decide/model/policy-view.js';
import { thresholdText } from '../decide/text/threshold-text.js';

export interface PolicyChange {
  field: string;
  /** `null`: there was no earlier policy, or it is no longer kept. */
  before: string | null;
  after: string;
}

/** What changes for devices from one policy entry to the next, including the steps of a canary. */
export function policyChanges(before: PolicyView | null, after: PolicyView): PolicyChange[] {
  const changes: PolicyChange[] = [];
  const compare = (field: string, old: string | null, now: string) => {
    if (old !== now) changes.push({ field, before: old, after: now });
  };
  after.thresholds.forEach((threshold, branch) => {
    const old = before?.thresholds[branch];
    compare(
      `threshold of branch ${branch}`,
      old === undefined ? null : thresholdText(old),
      thresholdText(threshold),
    );
  });
  before?.thresholds.slice(after.thresholds.length).forEach((threshold, i) => {
    compare(`threshold of branch ${after.thresholds.length + i}`, thresholdText(threshold), 'removed');
  });
  compare('bundle', before && bundleInWords(before), bundleInWords(after));
  changes.push(...compareFollowers(before, after));
  compare('outlier devices', before && outliersInWords(before), outliersInWords(after));
  compare('late after', before && lateInWords(before), lateInWords(after));
  compare('audit rate', before && percent(before.auditRate), percent(after.auditRate));
  compare(
    'audit bytes per hour',
    before && String(before.maxAuditBytesPerHour),
    String(after.maxAuditBytesPerHour),
  );
  return changes;
}

/** Share of a group's devices, in [0, 1]; `null`: all follow the policy. */
export function canaryShare({ canary }: PolicyView): number | null {
  return canary && canary.below / 2 ** 32;
}

function compareFollowers(before: PolicyView | null, after: PolicyView): PolicyChange[] {
  const [old, now] = [before && canaryShare(before), canaryShare(after)];
  if (before && old === now) return [];
  const words = (share: number | null) => (share === null ? 'all' : 'canaries');
  const further = before !== null && old !== null && now !== null;
  return [
    { field: 'followed by', before: before && words(old), after: further ? 'other canaries' : words(now) },
  ];
}

const bundleInWords = ({ bundleDigest }: PolicyView) =>
  bundleDigest === null ? 'any' : shortDigest(bundleDigest);
const outliersInWords = ({ exceptions }: PolicyView) =>
  exceptions.length === 0 ? 'none' : exceptions.map(({ device }) => device).join(', ');
const lateInWords = ({ latencyTargetMs }: PolicyView) =>
  latencyTargetMs === null ? 'no limit' : `${latencyTargetMs} ms`;
const percent = (share: number) => `${Number((share * 100).toPrecision(4))} %`;
