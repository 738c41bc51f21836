import type { CalibrationTable } from '@offramp/bundle';
import { type ReportFacts, reportFacts } from '../../report-facts.js';
import type { ExitTimes } from '../../stage-times.js';
import { diagnose } from '../diagnose.js';
import type { Finding, FindingKind } from '../finding.js';

/** Samples with the same confidence at each exit. */
export interface Group {
  samples: number;
  /** Confidence of each branch, in order. */
  confidence: number[];
  /** Number of samples on which each branch disagrees with the backbone. */
  disagreements: number[];
}

/** A table with these groups one after the other; disagreements come first in each. */
export function tableOf(groups: readonly Group[]): CalibrationTable {
  const branches = groups[0]?.confidence.length ?? 0;
  return {
    samples: groups.reduce((sum, { samples }) => sum + samples, 0),
    correct: null,
    branches: Array.from({ length: branches }, (_, branch) => ({
      confidence: groups.flatMap(({ samples, confidence }) =>
        new Array<number>(samples).fill(confidence[branch] as number),
      ),
      agrees: groups
        .map(({ samples, disagreements }) => {
          const wrong = disagreements[branch] as number;
          return '0'.repeat(wrong) + '1'.repeat(samples - wrong);
        })
        .join(''),
    })),
  };
}

export interface Situation {
  groups: readonly Group[];
  /** Default: as the groups. */
  heldOut?: readonly Group[];
  thresholds: number[];
  target?: number;
  /** MACs of each branch; the backbone has 1000 in equal segments. Default: 1 each. */
  branchMacs?: readonly number[];
  /** MACs of each segment. Default: equal. */
  segmentMacs?: readonly number[];
  times?: readonly ExitTimes[];
}

/** Facts of a made-up bundle on made-up data. */
export function factsOf({ groups, heldOut, thresholds, times, ...situation }: Situation): ReportFacts {
  const branches = thresholds.length;
  const segments = situation.segmentMacs ?? new Array<number>(branches + 1).fill(1000 / (branches + 1));
  const manifest = {
    backbone: { macs: segments.reduce((sum, macs) => sum + macs, 0) },
    stages: segments.map((segmentMacs, i) => ({
      segmentMacs,
      branch:
        i === branches
          ? null
          : { cutPoint: `cut ${i}`, body: { kind: 'pool' }, macs: situation.branchMacs?.[i] ?? 1 },
    })),
    deviceStages: 1,
    policy: { thresholds, targetAgreement: situation.target ?? 0.95 },
    provenance: { options: { delta: 0.05 } },
  };
  const table = tableOf(groups);
  return reportFacts({
    manifest,
    table,
    heldOut: heldOut ? tableOf(heldOut) : table,
    thresholds: [],
    times: times ?? [],
  });
}

/** The findings of one kind. */
export function found(situation: Situation, kind: FindingKind): Finding[] {
  return diagnose(factsOf(situation)).filter((finding) => finding.kind === kind);
}
