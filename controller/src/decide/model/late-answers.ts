/** Answers that took longer than a group's latency goal allows, by exit. */
export interface LateAnswers {
  targetMs: number;
  /** Per exit, the final one last. */
  late: number[];
  left: number[];
}
