/** Scores of a sample that all lie within this of each other are alike to softmax, in float32. */
export const leastSpread = 1e-6;

/** How far the scores of each sample lie apart. @param output batch × classes */
export function spreadsOf(output: Float32Array, classes: number): number[] {
  return Array.from({ length: output.length / classes }, (_, row) => {
    const scores = output.subarray(row * classes, (row + 1) * classes);
    return Math.max(...scores) - Math.min(...scores);
  });
}

/** What to do about scores that softmax cannot tell apart. */
export const spreadHint =
  'If the scores are this small on purpose, multiply them by a constant in the export.';
