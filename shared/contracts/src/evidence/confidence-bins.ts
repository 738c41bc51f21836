/** Bins that confidences are counted in: as many as leave room for one more bit in the byte of an audit record. */
export const confidenceBins = 128;

/** Log-odds of where bins begin, beside the first: close to each other where exits with fitted confidences are parted. */
const starts = [
  { from: -4, bins: 16, width: 1 / 4 },
  { from: 0, bins: 80, width: 1 / 16 },
  { from: 5, bins: 31, width: 1 / 4 },
].flatMap(({ from, bins, width }) => Array.from({ length: bins }, (_, i) => from + i * width));

/**
 * Where each bin begins, in [0, 1): the smallest confidence in it, exactly a float32, as confidences and thresholds are. A
 * threshold that is one of these parts the bins cleanly: who is in this bin or a higher one leaves, the others do not.
 */
export const binStarts: readonly number[] = [
  0,
  ...starts.map((logOdds) => Math.fround(1 / (1 + Math.exp(-logOdds)))),
];

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
