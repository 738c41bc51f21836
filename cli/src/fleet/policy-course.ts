import type { PolicyView } from '@offramp/controller';
import { formatTime } from './text.js';

/** The rollout of a policy: its entries in the history, of which a canary has several. */
export interface PolicyCourse {
  first: PolicyView;
  last: PolicyView;
  /** The devices that follow it, with the times of changes: `canary → all 14:05:09`. */
  reach: string;
}

/** One course per version, oldest first. */
export function policyCourses(history: readonly PolicyView[]): PolicyCourse[] {
  const byVersion = new Map<number, PolicyView[]>();
  for (const entry of history) {
    const entries = byVersion.get(entry.version);
    if (entries) entries.push(entry);
    else byVersion.set(entry.version, [entry]);
  }
  return [...byVersion.values()].map(courseOf);
}

function courseOf(entries: readonly PolicyView[]): PolicyCourse {
  const first = entries[0] as PolicyView;
  const steps = entries.filter((entry, i) => i === 0 || reachOf(entry) !== reachOf(entries[i - 1]));
  const reach = steps.map((step) => `${reachOf(step)}${step === first ? '' : ` ${timeAfter(first, step)}`}`);
  return { first, last: entries.at(-1) ?? first, reach: reach.join(' → ') };
}

/** `all`, `canary`, or `all, 2 outliers` if devices have their own thresholds. */
function reachOf(entry: PolicyView | undefined): string {
  const outliers = entry?.exceptions.length ?? 0;
  return `${entry?.canary ? 'canary' : 'all'}${outliers > 0 ? `, ${outliers} ${outliers === 1 ? 'outlier' : 'outliers'}` : ''}`;
}

/** The time; with the date if the day differs. */
function timeAfter(first: PolicyView, later: PolicyView): string {
  const [day] = formatTime(first.setAt).split(' ');
  const time = formatTime(later.setAt);
  return time.startsWith(`${day} `) ? time.slice(`${day} `.length) : time;
}
