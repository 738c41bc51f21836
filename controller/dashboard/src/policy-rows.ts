import type { ApiPolicy } from '../../src/http/schemas/index.js';

/** All that became of one version of a group's policy. */
export interface PolicyRow {
  /** As it was set last. */
  policy: ApiPolicy;
  /** Whom it went to, one after the other: shares of the devices; `null`: all. */
  course: (number | null)[];
  /** Against the version before it; whom it went to is its course. */
  changes: ApiPolicy['changes'];
}

/**
 * A row a version, since one that is tried on ever more devices is in the history once for each time.
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
 * `canary → more → all`; empty: it went to all at once. Without shares: where devices are few, the places that a policy
 * names are another share than the devices that have them.
 */
export function courseInWords({ course }: PolicyRow, newest: boolean): string {
  const [first] = course;
  if (first === undefined || first === null) return '';
  const steps = course.slice(1).map((share) => ` → ${share === null ? 'all' : 'more'}`);
  const ended = course.at(-1) === null ? '' : newest ? ' so far' : ', not taken up by all';
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
