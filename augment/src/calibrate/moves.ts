import type { CalibrationTable } from '@offramp/bundle';

/** When the threshold falls to `confidence`, a sample moves to the earlier `exit`. */
export interface Move {
  confidence: number;
  sample: number;
  exit: number;
}

/** All moves while one threshold for all branches falls. At equal confidence a sample's later exit is first, so that its earliest one stays. */
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
