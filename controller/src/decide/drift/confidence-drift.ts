import { compareHistograms } from './histogram-change.js';
import { overdispersion } from './overdispersion.js';

/** The first branch's confidences have shifted: `distance` is the total variation distance, in [0, 1]. */
export interface ConfidenceDrift {
  kind: 'confidence';
  /** Number of newest samples, which differ from earlier ones. */
  samples: number;
  distance: number;
}

/** Windows that are kept separately; older ones are summed into the baseline. */
export const maxDriftWindows = 32;
/** Numbers of newest windows that are compared with the earlier ones. */
const spans = [1, 2, 3, 4, 6, 8, 12, 16, 24, maxDriftWindows];
/** Odds of e^12, or 160,000 to one, because the test runs after every window, over several spans, for a long time. */
const alarmLogOdds = 12;
/** Smaller shifts do not change thresholds, however certain they are. */
const leastDistance = 0.04;
const leastBaseline = 500;

/**
 * Whether confidences of the newest windows differ from earlier ones. All counts are of the first branch's
 * confidence, the only one that does not depend on the policy.
 * @param baseline samples of all earlier windows
 * @param windows oldest first
 */
export function findConfidenceDrift(
  baseline: readonly number[],
  windows: readonly (readonly number[])[],
): ConfidenceDrift | null {
  for (const length of spans) {
    if (length > windows.length) break;
    const earlier = windows.slice(0, windows.length - length);
    const newest = windows.slice(windows.length - length);
    const [before, after] = [sumCounts([baseline, ...earlier]), sumCounts(newest)];
    const samplesPerFact = overdispersion([earlier, newest]);
    if (total(before) < leastBaseline * samplesPerFact) continue;
    const facts = (counts: readonly number[]) => counts.map((count) => count / samplesPerFact);
    const { logOdds, distance } = compareHistograms(facts(before), facts(after));
    if (logOdds >= alarmLogOdds && distance >= leastDistance) {
      return { kind: 'confidence', samples: total(after), distance };
    }
  }
  return null;
}

/** Sum of histograms with the same bins; an empty histogram counts as zeros. */
export function sumCounts(histograms: readonly (readonly number[])[]): number[] {
  const sum: number[] = [];
  for (const histogram of histograms) {
    histogram.forEach((count, bin) => {
      sum[bin] = (sum[bin] ?? 0) + count;
    });
  }
  return sum;
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
