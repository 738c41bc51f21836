import type { CalibrationTable } from '@offramp/shared';

/** A sample that leaves earlier, at `exit`, as soon as the threshold falls to `confidence`. */
export interface Move {
  confidence: number;
  sample: number;
  exit: number;
}

/** All that happens while one threshold for all branches falls. At equal confidence a sample's later exit first, so that its earliest one stays. */
export function movesOf({ samples, branches }: CalibrationTable): Move[] {
  const moves: Move[] = [];
  for (let sample = 0; sample < samples; sample++) {
    let highest = Number.NEGATIVE_INFINITY;
    branches.forEach((branch, exit) => {
      const confidence = branch.confidence[sample] as number;
      if (!(confidence > highest)) return;
      highest = confidence;
      moves.push({ confidence, sample, exit });
    });
  }
  return moves.sort((a, b) => b.confidence - a.confidence || b.exit - a.exit);
}
