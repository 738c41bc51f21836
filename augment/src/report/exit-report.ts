import { type CalibrationTable, type CostModel, evaluateThresholds, exitCosts } from '@offramp/bundle';
import {
  discrimination,
  expectedCalibrationError,
  type HistogramBin,
  histogram,
  meanConfidence,
  type ReliabilityBin,
  reliability,
} from './calibration.js';
import { judgementsOf, playCascade, shareOfOnes } from './play-cascade.js';

const histogramBins = 20;
const reliabilityBins = 10;

/** One branch under a policy. Shares are of all samples, costs over the whole backbone's, unless noted. */
export interface ExitReport {
  exit: number;
  cutPoint: string;
  /** The body, as text. */
  body: string;
  /** Above 1 no sample exits. */
  threshold: number;
  /** Cost up to this exit, including all branches before. */
  cost: number;
  /** The segment and branch of this stage alone. */
  stageCost: number;
  /** If all samples exited here. */
  alone: { agreement: number; accuracy: number | null };
  /** Share of samples that reach the exit. */
  reached: number;
  /** Share of samples that exit here. */
  left: number;
  leavers: {
    samples: number;
    disagreements: number;
    /** Mean confidence; 0 if no sample exits. */
    confidence: number;
  };
  /** Mean cost per sample of running this branch. */
  branchCost: number;
  /** Mean cost per sample that the exit saves, minus its branch's cost: without it the next exits answer. */
  saving: number;
  /** Agreement gained without the exit. */
  agreementLost: number;
  /** Confidences of the samples that reach the exit. */
  histogram: HistogramBin[];
  reliability: ReliabilityBin[];
  /** Over the bins of `reliability`. */
  calibrationError: number;
  /** See {@link discrimination}, over the samples that reach the exit. */
  discrimination: number | null;
}

/** The part of a manifest that describes exits. */
export interface ExitModel extends CostModel {
  stages: readonly {
    readonly segmentMacs: number;
    readonly branch: {
      readonly macs: number;
      readonly cutPoint: string;
      readonly body: Readonly<Record<string, unknown>>;
    } | null;
  }[];
}

/** A report on every branch of a bundle under these thresholds. */
export function reportExits(
  table: CalibrationTable,
  manifest: ExitModel,
  thresholds: readonly number[],
): ExitReport[] {
  const exits = playCascade(table, thresholds);
  const costs = exitCosts(manifest);
  const outcome = evaluateThresholds(table, thresholds, costs);
  let reached = 1;
  return manifest.stages.flatMap(({ branch, segmentMacs }, exit) => {
    if (!branch) return [];
    const left = outcome.exitShares[exit] as number;
    const reaching = judgementsOf(table, exit, (sample) => (exits[sample] as number) >= exit);
    const leaving = judgementsOf(table, exit, (sample) => exits[sample] === exit);
    const bins = reliability(reaching, reliabilityBins);
    const share = branch.macs / manifest.backbone.macs;
    const without = evaluateThresholds(
      table,
      thresholds.map((threshold, i) => (i === exit ? 2 : threshold)),
      costs.map((cost, i) => (i < exit ? cost : cost - share)),
    );
    const report: ExitReport = {
      exit,
      cutPoint: branch.cutPoint,
      body: describeBody(branch.body),
      threshold: thresholds[exit] as number,
      cost: costs[exit] as number,
      stageCost: (segmentMacs + branch.macs) / manifest.backbone.macs,
      alone: {
        agreement: shareOfOnes(table.branches[exit]?.agrees ?? ''),
        accuracy: table.correct ? shareOfOnes(table.correct[exit] ?? '') : null,
      },
      reached,
      left,
      leavers: {
        samples: leaving.length,
        disagreements: leaving.filter(({ agrees }) => !agrees).length,
        confidence: meanConfidence(leaving),
      },
      branchCost: reached * share,
      saving: without.cost - outcome.cost,
      agreementLost: without.agreement - outcome.agreement,
      histogram: histogram(reaching, histogramBins),
      reliability: bins,
      calibrationError: expectedCalibrationError(bins),
      discrimination: discrimination(reaching),
    };
    reached -= left;
    return [report];
  });
}

/** `pool, grid 4` of `{ kind: 'pool', grid: 4 }`. */
function describeBody(body: Readonly<Record<string, unknown>>): string {
  const { kind, ...settings } = body;
  return [kind, ...Object.entries(settings).map(([name, value]) => `${name} ${value}`)].join(', ');
}
