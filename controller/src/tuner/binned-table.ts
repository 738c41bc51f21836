import type { CalibrationTable } from '@offramp/shared';
import type { ThresholdPath } from './threshold-path.js';

/** A calibration table in bins, with what every candidate of a path does to each of its samples. */
export interface BinnedTable {
  samples: number;
  /** Per branch, one bin per sample. */
  bins: Uint8Array[];
  /** Where each sample leaves under each candidate; a sample's candidates lie together. */
  exits: Uint8Array;
  /** As {@link exits}: 1 where the sample leaves early with another answer than the backbone's. */
  disagrees: Uint8Array;
}

/** @param binOf the bin of a confidence */
export function binTable(
  table: CalibrationTable,
  path: ThresholdPath,
  binOf: (confidence: number) => number,
): BinnedTable {
  const bins = table.branches.map(({ confidence }) => Uint8Array.from(confidence, binOf));
  const exits = new Uint8Array(table.samples * path.candidates);
  const disagrees = new Uint8Array(exits.length);
  for (let sample = 0; sample < table.samples; sample++) {
    const start = sample * path.candidates;
    path.exitsOf(
      bins.map((branch) => branch[sample] as number),
      exits,
      start,
    );
    for (let at = start; at < start + path.candidates; at++) {
      disagrees[at] = table.branches[exits[at] as number]?.agrees[sample] === '0' ? 1 : 0;
    }
  }
  return { samples: table.samples, bins, exits, disagrees };
}
