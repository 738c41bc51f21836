/**
 * Each sample minus its Paeth predictor (PNG, RFC 2083, section 6.6): of its neighbours left, above and above left, the
 * one nearest to left + above − above left. Rows of all channels follow one another.
 * @param width samples in a row
 */
export function subtractPaeth(samples: Uint8Array, width: number): Uint8Array {
  const differences = new Uint8Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    differences[i] = (samples[i] as number) - predict(samples, i, width);
  }
  return differences;
}

/** Undoes {@link subtractPaeth}, in place. */
export function addPaeth(differences: Uint8Array, width: number): void {
  for (let i = 0; i < differences.length; i++) {
    differences[i] = (differences[i] as number) + predict(differences, i, width);
  }
}

function predict(samples: Uint8Array, i: number, width: number): number {
  const hasLeft = i % width !== 0;
  const left = hasLeft ? (samples[i - 1] as number) : 0;
  const above = i >= width ? (samples[i - width] as number) : 0;
  const aboveLeft = hasLeft && i >= width ? (samples[i - width - 1] as number) : 0;
  const toLeft = Math.abs(above - aboveLeft);
  const toAbove = Math.abs(left - aboveLeft);
  const toAboveLeft = Math.abs(left + above - 2 * aboveLeft);
  if (toLeft <= toAbove && toLeft <= toAboveLeft) return left;
  return toAbove <= toAboveLeft ? above : aboveLeft;
}
