import type { CalibrationTable, Manifest } from '@offramp/shared';
import { exitCosts } from '@offramp/shared';
import { type ExitModel, type ExitReport, reportExits } from './exit-report.js';
import { diagnose } from './findings/diagnose.js';
import type { Finding } from './findings/finding.js';
import type { Machine } from './machine.js';
import { shareOfOnes } from './play-cascade.js';
import { curveThresholds, type PolicyOutcome, policyJudge } from './policy-outcome.js';
import type { ExitTimes } from './stage-times.js';

/** What a report is made of. */
export interface ReportInput {
  manifest: Manifest;
  /** Of the manifest: the bundle's identity. */
  digest: string;
  /** What every exit said on the data. */
  table: CalibrationTable;
  /** The bundle's own table, from the pictures that its thresholds were chosen on. */
  heldOut: CalibrationTable;
  /** What the pictures are. */
  data: string;
  /** Thresholds for the table of points, each for all branches at once. */
  thresholds: readonly number[];
  /** Empty where no time was measured. */
  times: readonly ExitTimes[];
  machine: Machine;
  createdAt: Date;
}

/** Everything that is measured and known; findings follow from it. */
export interface ReportFacts {
  samples: number;
  /** What the thresholds were chosen for: this agreement, missed with probability `delta`. */
  goal: { agreement: number; delta: number };
  /** The whole backbone on these data; `null` without labels. */
  backboneAccuracy: number | null;
  /** What leaving at each exit costs in MACs, over the whole backbone's; the final one last. */
  costs: number[];
  times: readonly ExitTimes[];
  /** The thresholds that the bundle carries. */
  shipped: PolicyOutcome;
  /** Thresholds that all branches share, for a table. */
  points: PolicyOutcome[];
  /** The same, close enough together to draw. */
  curve: PolicyOutcome[];
  /** One per branch, under the shipped thresholds. */
  exits: ExitReport[];
  /** The shipped thresholds on the bundle's own held-out pictures. */
  heldOut: { samples: number; shipped: PolicyOutcome };
}

export interface Report extends ReportFacts {
  createdAt: string;
  bundle: {
    name: string;
    digest: string;
    backbone: { file: string; sha256: string; macs: number; parameters: number };
    deviceStages: number;
    trainedOn: string;
  };
  data: string;
  machine: Machine;
  findings: Finding[];
}

/** The usual risk, for bundles that do not tell theirs. */
const defaultDelta = 0.05;

/** Works out all that a report shows. */
export function buildReport(input: ReportInput): Report {
  const { manifest } = input;
  const facts = reportFacts(input);
  return {
    createdAt: input.createdAt.toISOString(),
    bundle: {
      name: manifest.name,
      digest: input.digest,
      backbone: manifest.backbone,
      deviceStages: manifest.deviceStages,
      trainedOn: manifest.provenance.data,
    },
    data: input.data,
    machine: input.machine,
    ...facts,
    findings: diagnose(facts),
  };
}

/** What of a manifest the facts follow from. */
export type FactsModel = ExitModel &
  Pick<Manifest, 'deviceStages' | 'policy'> & {
    provenance: Pick<Manifest['provenance'], 'options'>;
  };

/** Works out what a report's findings follow from. */
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
    points: input.thresholds.map(shared),
    curve: curveThresholds(table).map(shared),
    exits: reportExits(table, manifest, thresholds),
    heldOut: { samples: heldOut.samples, shipped: policyJudge(heldOut, manifest, times)(thresholds) },
  };
}
