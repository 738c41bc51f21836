import { groupEnds, groupSums } from './histogram-change.js';

/** Windows differ by more than chance only beyond this many standard deviations. */
const deviations = 2;

/**
 * How much more the windows of a stretch of time differ from each other than windows of independent samples would: the number
 * of samples that count as one. Devices that see the same pictures in step, or one scene for a long time, give dependent
 * samples. Pearson's χ² over its degrees of freedom, as in quasi-likelihoods (P. McCullagh & J. Nelder, "Generalized Linear
 * Models", 1989), at least 1; 1 if chance can explain the difference.
 * @param stretches stretches of time, each a list of windows of counts by bins of confidence; stretches may differ
 */
export function overdispersion(stretches: readonly (readonly (readonly number[])[])[]): number {
  let statistic = 0;
  let freedom = 0;
  for (const windows of stretches) {
    const all = columnSums(windows);
    const ends = groupEnds(all);
    const joint = groupSums(all, ends);
    const total = sum(joint);
    for (const window of windows) {
      const counts = groupSums(window, ends);
      const share = sum(counts) / total;
      joint.forEach((count, group) => {
        if (count > 0 && share > 0)
          statistic += ((counts[group] as number) - share * count) ** 2 / (share * count);
      });
    }
    freedom += Math.max(0, windows.length - 1) * (joint.length - 1);
  }
  return freedom === 0 ? 1 : Math.max(1, statistic / freedom - deviations * Math.sqrt(2 / freedom));
}

function columnSums(rows: readonly (readonly number[])[]): number[] {
  return (rows[0] ?? []).map((_, column) => sum(rows.map((row) => row[column] ?? 0)));
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
