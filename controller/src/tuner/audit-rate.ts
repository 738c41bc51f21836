/** Extra runs to the final exit, as a share of all samples, by what is still to be learnt. */
export const auditShares = {
  /** The goal is proven and nothing speaks against it. */
  steady: 0.015,
  /** The first samples under thresholds that only held-out samples speak for. */
  settling: 0.05,
  /** The calibration table no longer counts, or audits look as if the goal were missed. */
  uncertain: 0.1,
} as const;

export type Certainty = keyof typeof auditShares;

/**
 * The chance of each sample of being audited. Only samples that leave early cost anything to audit, so that the rate is the
 * higher the fewer of them there are: 1 while nobody leaves.
 * @param leavingEarly share of samples that leave before the final exit, in [0, 1]
 * @returns rounded to two digits, lest it change with every sample
 */
export function auditRate(certainty: Certainty, leavingEarly: number): number {
  return Number(Math.min(1, auditShares[certainty] / Math.max(1e-9, leavingEarly)).toPrecision(2));
}
