import type { CalibrationTable } from '@offramp/bundle';
import { leaves } from '@offramp/contracts';

/** The exit of each sample of a table; the number of branches means the final exit. */
export function playCascade(table: CalibrationTable, thresholds: readonly number[]): number[] {
  const final = table.branches.length;
  return Array.from({ length: table.samples }, (_, sample) => {
    const exit = table.branches.findIndex((branch, i) =>
      leaves(branch.confidence[sample] as number, thresholds[i] as number),
    );
    return exit < 0 ? final : exit;
  });
}

/** Confidence of one sample at one branch, and whether the branch agreed with the backbone. */
export interface Judgement {
  confidence: number;
  agrees: boolean;
}

/** A branch's judgements of the samples that `takes` selects. */
export function judgementsOf(
  table: CalibrationTable,
  branch: number,
  takes: (sample: number) => boolean = () => true,
): Judgement[] {
  const { confidence = [], agrees = '' } = table.branches[branch] ?? {};
  return confidence.flatMap((value, sample) =>
    takes(sample) ? [{ confidence: value, agrees: agrees[sample] === '1' }] : [],
  );
}

/** Share of samples whose character is `1`. */
export function shareOfOnes(bits: string): number {
  let ones = 0;
  for (const bit of bits) if (bit === '1') ones++;
  return bits.length === 0 ? 0 : ones / bits.length;
}
