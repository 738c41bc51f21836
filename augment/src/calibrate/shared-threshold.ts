import type { CalibrationTable } from '@offramp/bundle';
import { type Move, movesOf } from './moves.js';

const earlyShare = 0.5;

/**
 * The lowest threshold for all branches that fixed-sequence testing reaches: from the safest on, the threshold falls
 * from one recorded confidence to the next and stops before the first at which more than `allowed` samples
 * disagree (Angelopoulos et al., Learn then Test, 2021, arXiv 2110.01052, section 2.3). Each test may then use the
 * whole `delta`, because a test counts only if all earlier ones have passed. Behind a codec with losses the safest
 * threshold is not the one at which no sample leaves early: the sequence begins where half of them do, whatever they answer.
 * @returns `null` if not even the first passes
 */
export function lowestSharedThreshold(table: CalibrationTable, allowed: number): number | null {
  const moves = movesOf(table);
  const disagrees = Uint8Array.from({ length: table.samples }, (_, i) =>
    table.finalAgrees?.[i] === '0' ? 1 : 0,
  );
  let disagreements = disagrees.reduce((sum, each) => sum + each, 0);
  const first = disagreements > 0 ? table.samples * earlyShare : 0;
  const early = new Set<number>();
  let lowest: number | null = null;
  for (let i = 0; i < moves.length; ) {
    const { confidence } = moves[i] as Move;
    for (; moves[i]?.confidence === confidence; i++) {
      const { sample, exit } = moves[i] as Move;
      const now = table.branches[exit]?.agrees[sample] === '1' ? 0 : 1;
      disagreements += now - (disagrees[sample] as number);
      disagrees[sample] = now;
      early.add(sample);
    }
    if (early.size < first) continue;
    if (disagreements > allowed) break;
    lowest = confidence;
  }
  return lowest;
}
