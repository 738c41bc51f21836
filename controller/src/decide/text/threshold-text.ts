/**
 * A threshold as text: `0.9207`, `0.999937`, `never`. Near 1, where thresholds are dense, digits are chosen by the distance
 * to 1.
 */
export function thresholdText(threshold: number): string {
  if (threshold > 1) return 'never';
  const toOne = 1 - threshold;
  const digits = toOne > 0 ? Math.min(9, Math.max(4, Math.ceil(-Math.log10(toOne)) + 1)) : 4;
  return String(Number(threshold.toFixed(digits)));
}
