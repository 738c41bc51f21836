import type { CalibrationTable, Manifest } from '@offramp/bundle';
import { exitCosts } from '@offramp/bundle';
import { type ExitModel, type ExitReport, reportExits } from './exit-report.js';
import type { Machine } from './machine.js';
import { shareOfOnes } from './play-cascade.js';
import { curveThresholds, type PolicyOutcome, policyJudge } from './policy-outcome.js';
import type { ExitTimes } from './stage-times.js';

/** The input of a report. */
export interface ReportInput {
  manifest: Manifest;
  /** Digest of the manifest, which identifies the bundle. */
  digest: string;
  /** Outcomes of every exit on the data. */
  table: CalibrationTable;
  /** The bundle's own table, from the pictures that its thresholds were chosen on. */
  heldOut: CalibrationTable;
  /** Description of the pictures. */
  data: string;
  /** Thresholds for the table of points, each for all branches at once. */
  thresholds: readonly number[];
  /** Empty if no time was measured. */
  times: readonly ExitTimes[];
  machine: Machine;
  createdAt: Date;
}

/** All measured facts, from which findings follow. */
export interface ReportFacts {
  samples: number;
  /** The agreement that the thresholds were chosen for, missed with probability `delta`. */
  goal: { agreement: number; delta: number };
  /** The whole backbone on these data; `null` without labels. */
  backboneAccuracy: number | null;
  /** Cost of each exit in MACs, over the whole backbone's; the final one last. */
  costs: number[];
  times: readonly ExitTimes[];
  /** The bundle's thresholds. */
  shipped: PolicyOutcome;
  /** Thresholds that all branches share, for a table; none without branches. */
  points: PolicyOutcome[];
  /** The same, close enough together to draw. */
  curve: PolicyOutcome[];
  /** One per branch, under the shipped thresholds. */
  exits: ExitReport[];
  /** The shipped thresholds on the bundle's own held-out pictures. */
  heldOut: { samples: number; shipped: PolicyOutcome };
}

/** The default risk, for bundles that do not record theirs. */
const defaultDelta = 0.05;

/** The part of a manifest that the facts follow from. */
export type FactsModel = ExitModel &
  Pick<Manifest, 'deviceStages' | 'policy'> & {
    provenance: Pick<Manifest['provenance'], 'options'>;
  };

/** Computes the facts of a report. */
export function reportFacts(
  input: Pick<ReportInput, 'table' | 'heldOut' | 'thresholds' | 'times'> & { manifest: FactsModel },
): ReportFacts {
  const { manifest, table, heldOut, times } = input;
  const { thresholds, targetAgreement } = manifest.policy;
  const judge = policyJudge(table, manifest, times);
  const shared = (threshold: number) => judge(thresholds.map(() => threshold));
  const { delta } = manifest.provenance.options;
  return {
    samples: table.samples,
    goal: { agreement: targetAgreement, delta: typeof delta === 'number' ? delta : defaultDelta },
    backboneAccuracy: table.correct ? shareOfOnes(table.correct.at(-1) ?? '') : null,
    costs: exitCosts(manifest),
    times,
    shipped: judge(thresholds),
    points: thresholds.length > 0 ? input.thresholds.map(shared) : [],
    curve: curveThresholds(table).map(shared),
    exits: reportExits(table, manifest, thresholds),
    heldOut: { samples: heldOut.samples, shipped: policyJudge(heldOut, manifest, times)(thresholds) },
  };
}
