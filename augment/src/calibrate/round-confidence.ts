/** Six decimals: enough to order samples by, and half the size in JSON. */
export function roundConfidence(confidence: number): number {
  return Math.round(confidence * 1e6) / 1e6;
}
