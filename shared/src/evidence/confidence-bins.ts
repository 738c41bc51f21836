/** Bins that confidences are counted in. */
export const confidenceBins = 64;

/** The bins between the first and the last are equally wide in log-odds, within this range. */
const lowestLogOdds = -4;
const highestLogOdds = 12;

/**
 * Where each bin begins, in [0, 1): the smallest confidence in it, exactly a float32, as confidences and thresholds are. A
 * threshold that is one of these parts the bins cleanly: who is in this bin or a higher one leaves, the others do not.
 */
export const binStarts: readonly number[] = Array.from({ length: confidenceBins }, (_, bin) => {
  if (bin === 0) return 0;
  const inner = confidenceBins - 2;
  const logOdds = lowestLogOdds + ((bin - 1) * (highestLogOdds - lowestLogOdds)) / inner;
  return Math.fround(1 / (1 + Math.exp(-logOdds)));
});

/** The bin of a confidence in [0, 1]; what is not a number is in the first, as it leaves nowhere. */
export function binOf(confidence: number): number {
  let low = 0;
  let high = confidenceBins - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (confidence >= (binStarts[middle] as number)) low = middle;
    else high = middle - 1;
  }
  return low;
}
