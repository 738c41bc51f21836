/** Extra runs to the final exit, as a share of all samples, by certainty. */
export const auditShares = {
  /** The goal is proven, and no evidence contradicts it. */
  steady: 0.015,
  /** The first samples under thresholds that only held-out samples prove. */
  settling: 0.05,
  /** The calibration table no longer counts, or audits suggest that the goal is missed. */
  uncertain: 0.1,
} as const;

export type Certainty = keyof typeof auditShares;

/**
 * The probability that a sample is audited. Only audits of early exits cost anything, so the rate rises as they become fewer:
 * 1 without early exits.
 * @param leavingEarly share of samples that exit before the final exit, in [0, 1]
 * @returns rounded to two digits, so that it does not change with every sample
 */
export function auditRate(certainty: Certainty, leavingEarly: number): number {
  return Number(Math.min(1, auditShares[certainty] / Math.max(1e-9, leavingEarly)).toPrecision(2));
}
