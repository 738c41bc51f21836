import { canaryPlace } from '@offramp/shared';
import { percentText as percent } from '../percent-text.js';
import type { PlainPolicy } from '../policy/policy-view.js';
import { type AuditTally, logCapitalForWorse } from '../tuner/betting.js';
import { answeredSamples, recordRate, type WindowEvidence } from '../tuner/evidence.js';
import { logBeta } from '../tuner/histogram-change.js';

/** What was counted of one side of a canary. */
interface Side {
  samples: number;
  degraded: number;
  late: number;
}

/** A policy that some devices try before the others. A plain value. */
export interface Canary {
  /** Of the policy that is tried. */
  version: number;
  /** Share of the group's devices that are to try it. */
  share: number;
  /** Devices whose `canaryPlace` is below this do. */
  below: number;
  /** What the others follow. */
  stable: PlainPolicy;
  tried: Side;
  others: Side;
  /** Samples under it since it was last widened. */
  samplesAtShare: number;
  audits: AuditTally[];
}

export interface CanaryOptions {
  /** Of the group's devices, the first to try a policy. */
  share: number;
  /** That canaries answer before more devices follow. */
  samples: number;
}

/** Counts of one policy in a window, as canaries are judged by. */
export interface CanaryWindow extends WindowEvidence {
  degraded: number;
  late: readonly number[];
}

/** Beyond this share, the next step is everybody. */
const widenedShare = 0.25;
/** A canary that does harm is told from one that has bad luck with this certainty: 100 to 1. */
const certainLogOdds = Math.log(100);
/** Shares that differ by less are none the worse. */
const leastDifference = 0.02;
const maxAuditTallies = 16;
const places = 2 ** 32;

const nothing: Side = { samples: 0, degraded: 0, late: 0 };

/**
 * Up to which place devices have to follow a policy for a share of those online to do so: at least one, never all.
 * @returns `null` where there are too few to try anything on
 */
export function canaryBelow(
  group: string,
  version: number,
  online: readonly string[],
  share: number,
): number | null {
  if (online.length < 2) return null;
  const wanted = Math.min(online.length - 1, Math.max(1, Math.ceil(share * online.length)));
  const sorted = online.map((device) => canaryPlace(group, version, device)).sort((a, b) => a - b);
  return Math.min(places - 1, (sorted[wanted - 1] as number) + 1);
}

export function newCanary(version: number, share: number, below: number, stable: PlainPolicy): Canary {
  return {
    ...{ version, share, below, stable },
    ...{ tried: nothing, others: nothing, samplesAtShare: 0, audits: [] },
  };
}

/** Adds what happened in a window, to either side. */
export function addToCanary(
  canary: Canary,
  tried: readonly CanaryWindow[],
  others: readonly CanaryWindow[],
): Canary {
  const audits = tried
    .map((window) => ({
      recordRate: recordRate(window),
      samples: answeredSamples(window),
      disagreed: window.records.filter(({ exits, leftAt }) => leftAt < exits.length && !exits[leftAt]?.agreed)
        .length,
    }))
    .filter(({ recordRate: rate, samples }) => rate > 0 && samples > 0);
  const side = addSide(canary.tried, tried);
  return {
    ...canary,
    tried: side,
    others: addSide(canary.others, others),
    samplesAtShare: canary.samplesAtShare + side.samples - canary.tried.samples,
    audits: joinAudits([...canary.audits, ...audits]),
  };
}

/** What a canary does wrong, in words; `null`: nothing that is certain. @param level disagreement that the goal allows */
export function canaryFault(canary: Canary, level: number | null): string | null {
  if (level !== null && logCapitalForWorse(canary.audits, level) >= certainLogOdds) {
    const disagreed = canary.audits.reduce((sum, audit) => sum + audit.disagreed, 0);
    return `${disagreed} of its audits disagreed with the whole model, more than the goal has room for`;
  }
  for (const [of, what] of [
    ['degraded', 'were answered by a branch that was not sure, since the cloud did not answer'],
    ['late', 'were answered later than the goal wants'],
  ] as const) {
    const [mine, theirs] = [shareOf(canary.tried, of), shareOf(canary.others, of)];
    if (mine - theirs > leastDifference && differs(canary.tried, canary.others, of) >= certainLogOdds) {
      return `${percent(mine)} of its samples ${what}, against ${percent(theirs)} of the others'`;
    }
  }
  return null;
}

/** Whether more devices are to follow, and how large a share of them; `null`: not yet. */
export function nextShare(canary: Canary, { samples }: CanaryOptions): number | null {
  if (canary.samplesAtShare < samples) return null;
  return canary.share < widenedShare ? widenedShare : 1;
}

function addSide(side: Side, windows: readonly CanaryWindow[]): Side {
  return windows.reduce(
    (sum, window) => ({
      samples: sum.samples + answeredSamples(window) + window.degraded,
      degraded: sum.degraded + window.degraded,
      late: sum.late + window.late.reduce((total, count) => total + count, 0),
    }),
    side,
  );
}

/** Windows of the same rate are one; of too many, all are, with the highest rate, at which disagreement weighs least. */
function joinAudits(audits: readonly AuditTally[]): AuditTally[] {
  const joined = new Map<number, AuditTally>();
  for (const audit of audits) {
    const same = joined.get(audit.recordRate);
    joined.set(audit.recordRate, {
      recordRate: audit.recordRate,
      samples: audit.samples + (same?.samples ?? 0),
      disagreed: audit.disagreed + (same?.disagreed ?? 0),
    });
  }
  const all = [...joined.values()];
  if (all.length <= maxAuditTallies) return all;
  return [
    {
      recordRate: Math.max(...all.map(({ recordRate: rate }) => rate)),
      samples: all.reduce((sum, audit) => sum + audit.samples, 0),
      disagreed: all.reduce((sum, audit) => sum + audit.disagreed, 0),
    },
  ];
}

const shareOf = (side: Side, of: 'degraded' | 'late') => (side.samples === 0 ? 0 : side[of] / side.samples);

/** Logarithm of the odds that two shares differ: the Bayes factor of two binomials against one, all shares as likely before. */
function differs(one: Side, other: Side, of: 'degraded' | 'late'): number {
  const evidence = (...sides: Side[]) =>
    logBeta([
      1 + sides.reduce((sum, side) => sum + side[of], 0),
      1 + sides.reduce((sum, side) => sum + side.samples - side[of], 0),
    ]);
  return evidence(one) + evidence(other) - evidence(one, other);
}
