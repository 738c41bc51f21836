import type { CalibrationTable } from '@offramp/bundle';
import type { ThresholdPath } from './threshold-path.js';

/** A calibration table in bins, with the effect of a path's candidates on each of its samples. */
export interface BinnedTable {
  samples: number;
  candidates: number;
  /** Per branch, one bin per sample. */
  bins: Uint8Array[];
  /** Per branch and sample: whether the branch agrees with the backbone. */
  agrees: boolean[][];
  /** Samples that disagree at the final exit, behind a codec with losses. */
  finalDisagrees: boolean[];
  /** Per branch and sample: the first candidate under which it exits there or earlier, see `ThresholdPath.opensOf`. */
  opens: Uint16Array[];
}

/** @param binOf the bin of a confidence */
export function binTable(
  table: CalibrationTable,
  path: ThresholdPath,
  binOf: (confidence: number) => number,
): BinnedTable {
  const bins = table.branches.map(({ confidence }) => Uint8Array.from(confidence, binOf));
  const opens = bins.map(() => new Uint16Array(table.samples));
  for (let sample = 0; sample < table.samples; sample++) {
    path.opensOf(bins.map((branch) => branch[sample] as number)).forEach((from, branch) => {
      (opens[branch] as Uint16Array)[sample] = from;
    });
  }
  return {
    samples: table.samples,
    candidates: path.candidates,
    bins,
    agrees: table.branches.map(({ agrees }) => Array.from(agrees, (bit) => bit === '1')),
    finalDisagrees: Array.from(table.finalAgrees ?? '', (bit) => bit === '0'),
    opens,
  };
}
