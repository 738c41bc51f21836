/** The facts about a bundle by which evidence is judged. */
export interface JudgedBundle {
  /** In hexadecimal. */
  digest: string;
  /** Its own thresholds, which devices follow without a policy; one per branch. */
  thresholds: readonly number[];
}
