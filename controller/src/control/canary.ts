import { canaryPlace } from '@offramp/shared';
import { percentText as percent } from '../percent-text.js';
import type { PlainPolicy } from '../policy/policy-view.js';
import { type AuditTally, logCapitalForWorse } from '../tuner/betting.js';
import { answeredSamples, recordRate, type WindowEvidence } from '../tuner/evidence.js';
import { logBeta } from '../tuner/histogram-change.js';

/** What was counted of one side of a canary. */
export interface Side {
  samples: number;
  degraded: number;
  /** Those of the samples whose time was counted against the latency goal, and those of them that took longer. */
  timed: number;
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
  /** What the devices that try it did lately, before they did. */
  before: Side;
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
  /** What `late` is counted against; `null`: nothing was. */
  latencyTargetMs: number | null;
}

/** What a device did under one policy, of before a canary. */
export type AnswersBefore = Pick<CanaryWindow, 'degraded' | 'late' | 'latencyTargetMs'> & { samples: number };

/** Beyond this share, the next step is everybody. */
const widenedShare = 0.25;
/** A canary that does harm is told from one that has bad luck with this certainty: 100 to 1. */
const certainLogOdds = Math.log(100);
/** Shares that differ by less are none the worse. */
const leastDifference = 0.02;
const maxAuditTallies = 16;
const places = 2 ** 32;

export const noAnswers: Side = { samples: 0, degraded: 0, timed: 0, late: 0 };

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

export function newCanary(
  { version, share, below, stable }: Pick<Canary, 'version' | 'share' | 'below' | 'stable'>,
  before: Side,
): Canary {
  return {
    ...{ version, share, below, stable, before },
    ...{ tried: noAnswers, others: noAnswers, samplesAtShare: 0, audits: [] },
  };
}

/** @param latencyTargetMs what counts as late is to be counted against; `null`: nothing is */
export function sideOf(answers: readonly AnswersBefore[], latencyTargetMs: number | null): Side {
  return answers.reduce((sum, { samples, degraded, late, latencyTargetMs: counted }) => {
    const timed = latencyTargetMs !== null && counted === latencyTargetMs && late.length > 0;
    return {
      samples: sum.samples + samples,
      degraded: sum.degraded + degraded,
      timed: sum.timed + (timed ? samples : 0),
      late: sum.late + (timed ? late.reduce((total, count) => total + count, 0) : 0),
    };
  }, noAnswers);
}

/** Adds what happened in a window, to either side. @param latencyTargetMs as of {@link sideOf} */
export function addToCanary(
  canary: Canary,
  tried: readonly CanaryWindow[],
  others: readonly CanaryWindow[],
  latencyTargetMs: number | null,
): Canary {
  const audits = tried
    .map((window) => ({
      recordRate: recordRate(window),
      samples: answeredSamples(window),
      disagreed: window.records.filter(({ exits, leftAt }) => leftAt < exits.length && !exits[leftAt]?.agreed)
        .length,
    }))
    .filter(({ recordRate: rate, samples }) => rate > 0 && samples > 0);
  const side = addSide(canary.tried, tried, latencyTargetMs);
  return {
    ...canary,
    tried: side,
    others: addSide(canary.others, others, latencyTargetMs),
    samplesAtShare: canary.samplesAtShare + side.samples - canary.tried.samples,
    audits: joinAudits([...canary.audits, ...audits]),
  };
}

/**
 * What a canary does wrong, in words; `null`: nothing that is certain. Devices are not alike, and few may try it: what one with a
 * poor link has always done is not held against a policy, so that canaries have to be worse than the others and than themselves.
 * @param level disagreement that the goal allows
 */
export function canaryFault(canary: Canary, level: number | null): string | null {
  if (level !== null && logCapitalForWorse(canary.audits, level) >= certainLogOdds) {
    const disagreed = canary.audits.reduce((sum, audit) => sum + audit.disagreed, 0);
    return `${disagreed} of its audits disagreed with the whole model, more than the goal has room for`;
  }
  for (const [of, what] of [
    ['degraded', 'were answered by a branch that was not sure, since the cloud did not answer'],
    ['late', 'were answered later than the goal wants'],
  ] as const) {
    const { tried, others, before } = canary;
    if (isWorse(tried, others, of) && (countsOf(before, of).all === 0 || isWorse(tried, before, of))) {
      return `${percent(shareOf(tried, of))} of its samples ${what}, against ${percent(shareOf(others, of))} of the others'`;
    }
  }
  return null;
}

/** Whether more devices are to follow, and how large a share of them; `null`: not yet. */
export function nextShare(canary: Canary, { samples }: CanaryOptions): number | null {
  if (canary.samplesAtShare < samples) return null;
  return canary.share < widenedShare ? widenedShare : 1;
}

function addSide(side: Side, windows: readonly CanaryWindow[], latencyTargetMs: number | null): Side {
  const answers = windows.map((window) => ({
    ...window,
    samples: answeredSamples(window) + window.degraded,
  }));
  const added = sideOf(answers, latencyTargetMs);
  return {
    samples: side.samples + added.samples,
    degraded: side.degraded + added.degraded,
    timed: side.timed + added.timed,
    late: side.late + added.late,
  };
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

type Fault = 'degraded' | 'late';

/** How many samples could have had a fault, and how many had. */
function countsOf(side: Side, fault: Fault): { all: number; had: number } {
  return { all: fault === 'late' ? side.timed : side.samples, had: side[fault] };
}

function shareOf(side: Side, fault: Fault): number {
  const { all, had } = countsOf(side, fault);
  return all === 0 ? 0 : had / all;
}

function isWorse(one: Side, other: Side, fault: Fault): boolean {
  const difference = shareOf(one, fault) - shareOf(other, fault);
  return difference > leastDifference && differs(one, other, fault) >= certainLogOdds;
}

/** Logarithm of the odds that two shares differ: the Bayes factor of two binomials against one, all shares as likely before. */
function differs(one: Side, other: Side, fault: Fault): number {
  const evidence = (...sides: Side[]) => {
    const counts = sides.map((side) => countsOf(side, fault));
    return logBeta([
      1 + counts.reduce((sum, { had }) => sum + had, 0),
      1 + counts.reduce((sum, { all, had }) => sum + all - had, 0),
    ]);
  };
  return evidence(one) + evidence(other) - evidence(one, other);
}
