import type { ApiPolicy } from '../../src/http/schemas/index.js';

/** The rollout of one version of a group's policy. */
export interface PolicyRow {
  /** Its newest entry. */
  policy: ApiPolicy;
  /** Shares of devices that it went to, in order; `null`: all. */
  course: (number | null)[];
  /** Changes from the previous version, without the share of devices. */
  changes: ApiPolicy['changes'];
}

/**
 * One row per version. The history has an entry for each step of a canary.
 * @param policies newest first
 * @returns newest first
 */
export function policyRows(policies: readonly ApiPolicy[]): PolicyRow[] {
  const rows = new Map<number, PolicyRow>();
  for (const policy of policies) {
    const later = rows.get(policy.version);
    const course = later?.course ?? [];
    rows.set(policy.version, {
      policy: later?.policy ?? policy,
      course: course[0] === policy.canaryShare ? course : [policy.canaryShare, ...course],
      changes: merged(policy.changes, later?.changes ?? []),
    });
  }
  return [...rows.values()];
}

/**
 * `canary → more → all`; empty: it went to all at once. Shares are not shown, because in a small group the share of places
 * that a policy names differs from the share of devices that have them.
 */
export function courseInWords({ course }: PolicyRow, newest: boolean): string {
  const [first] = course;
  if (first === undefined || first === null) return '';
  const steps = course.slice(1).map((share) => ` → ${share === null ? 'all' : 'more'}`);
  const ended = course.at(-1) === null ? '' : newest ? ' so far' : ', not rolled out to all';
  return `canary${steps.join('')}${ended}`;
}

function merged(earlier: ApiPolicy['changes'], later: ApiPolicy['changes']): ApiPolicy['changes'] {
  const byField = new Map(earlier.map((change) => [change.field, change]));
  for (const change of later) {
    const { before } = byField.get(change.field) ?? change;
    byField.set(change.field, { ...change, before });
  }
  return [...byField.values()].filter(
    ({ field, before, after }) => field !== 'followed by' && before !== after,
  );
}
