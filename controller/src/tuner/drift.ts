import { type AuditTally, logCapitalForWorse } from './betting.js';
import { compareHistograms } from './histogram-change.js';

/** What is kept of a window of a group, or of a device, to tell whether the world has moved. */
export interface DriftWindow {
  /** Of all samples, by the first branch's confidence: the only one that does not depend on the policy. */
  histogram: readonly number[];
  /** Audits under the policies that were in force: one entry per record rate. */
  audits: readonly AuditTally[];
}

export type Drift =
  /** The first branch's confidences have moved; `distance` is their total variation distance, in [0, 1]. */
  | { kind: 'confidence'; samples: number; distance: number }
  /** Fewer audited answers agree than the goal has it: `disagreed` of `audited`. */
  | { kind: 'agreement'; samples: number; audited: number; disagreed: number };

/** Windows that are looked back on; those before are one. */
export const maxDriftWindows = 32;
/** How many of the newest windows are held against those before. */
const spans = [1, 2, 3, 4, 6, 8, 12, 16, 24, maxDriftWindows];
/** Odds of e^12, or 160,000 to one: looked at after every window, over several spans, for long. */
const alarmLogOdds = 12;
/** What is smaller moves no threshold, however certain it is. */
const leastDistance = 0.04;
const leastBaseline = 500;
/** Certainty that the goal is violated: once in a thousand spans at its very edge, never when it is met with room to spare. */
const alarmLogCapital = Math.log(1_000);

/**
 * Whether the newest windows differ from those before, or fall short of the goal: over the last window, the last two, and
 * so on. A sum of such tests begun at different times is how changes are found without fixed sample sizes (Shin,
 * Ramdas & Rinaldo, "E-detectors", 2023); here each must be certain by itself.
 * @param baseline samples of all earlier windows, by the first branch's confidence
 * @param windows oldest first
 * @param level the share of disagreement that the goal allows; `null`: there is no such goal
 */
export function findDrift(
  baseline: readonly number[],
  windows: readonly DriftWindow[],
  level: number | null,
): Drift | null {
  for (const length of spans) {
    if (length > windows.length) break;
    const recent = windows.slice(windows.length - length);
    const after = sumCounts(recent.map(({ histogram }) => histogram));
    const samples = total(after);
    if (level !== null) {
      const audits = recent.flatMap((window) => window.audits);
      if (logCapitalForWorse(audits, level) >= alarmLogCapital) {
        const audited = Math.round(audits.reduce((sum, tally) => sum + tally.samples * tally.recordRate, 0));
        const disagreed = audits.reduce((sum, tally) => sum + tally.disagreed, 0);
        return { kind: 'agreement', samples, audited, disagreed };
      }
    }
    const before = sumCounts([
      baseline,
      ...windows.slice(0, windows.length - length).map(({ histogram }) => histogram),
    ]);
    if (total(before) < leastBaseline) continue;
    const { logOdds, distance } = compareHistograms(before, after);
    if (logOdds >= alarmLogOdds && distance >= leastDistance)
      return { kind: 'confidence', samples, distance };
  }
  return null;
}

/** Counts of histograms of one kind; an empty one is as long as the others. */
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
