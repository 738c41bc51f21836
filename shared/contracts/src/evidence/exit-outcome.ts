/** What one exit said about one sample. */
export interface ExitOutcome {
  /** Index of the exit; the number of branches means the final exit. */
  exit: number;
  /** Index of the likeliest label. */
  label: number;
  /** Of the exit in its own answer, in [0, 1]. */
  confidence: number;
}
