import type { BinnedTable } from '../candidates/binned-table.js';
import type { ThresholdPath } from '../candidates/threshold-path.js';
import type { ExitFacts, Goal } from '../model/goals.js';

/** The tuner's inputs for a group, besides its state and a window of evidence. */
export interface TunerInputs {
  path: ThresholdPath;
  /** The bundle's calibration table on that path. */
  table: BinnedTable;
  /** The most important one first. */
  goals: readonly Goal[];
  facts: ExitFacts;
  /** Offered work over the workers' capacity; `null`: not measured since the last step. */
  workerUtilisation: number | null;
  /** The newest policy of the devices. */
  policy: { thresholds: readonly number[]; auditRate: number };
}
