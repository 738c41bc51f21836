import { canaryPlace } from '@offramp/contracts';
import type { PlainPolicy } from '../model/policy-view.js';
import type { AuditTally } from '../proof/betting.js';
import { answeredSamples, recordRate, type WindowEvidence } from '../tuner/evidence.js';

/** Counts of one side of a canary. */
export interface Side {
  samples: number;
  degraded: number;
  /** Samples whose time was compared with the latency goal, and the late ones among them. */
  timed: number;
  late: number;
}

/** A policy that some devices try before the others. A plain value. */
export interface Canary {
  /** Version of the tried policy. */
  version: number;
  /** Share of the group's devices that try it. */
  share: number;
  /** Devices whose `canaryPlace` is below this try it. */
  below: number;
  /** The policy of the other devices. */
  stable: PlainPolicy;
  /** `null` in a record of an older version. */
  reach: CanaryReach | null;
  tried: Side;
  others: Side;
  /** Recent answers of the canary devices from before the canary. */
  before: Side;
  /** Samples under it since it was last widened. */
  samplesAtShare: number;
  audits: AuditTally[];
}

/** How many of a group's devices try a policy. */
export interface CanaryReach {
  devices: number;
  /** Devices online when they were chosen. */
  online: number;
}

export interface CanaryOptions {
  /** Share of the group's devices that try a policy first. */
  share: number;
  /** Samples that canaries answer before more devices follow. */
  samples: number;
}

/** Counts of one policy in a window, by which canaries are judged. */
export interface CanaryWindow extends WindowEvidence {
  degraded: number;
  late: readonly number[];
  /** The latency target of `late`; `null`: none. */
  latencyTargetMs: number | null;
}

/** A device's answers under one policy before a canary. */
export type AnswersBefore = Pick<CanaryWindow, 'degraded' | 'late' | 'latencyTargetMs'> & { samples: number };

/** After this share, the next step is all devices. */
const widenedShare = 0.25;
const maxAuditTallies = 16;
const places = 2 ** 32;

export const noAnswers: Side = { samples: 0, degraded: 0, timed: 0, late: 0 };

/**
 * The `canaryPlace` below which devices follow a policy, so that a share of the online devices does: at least one, never all.
 * @returns `null` if there are too few devices for a canary
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

/** Devices, of those online, that try a policy. @param below from {@link canaryBelow} */
export function canaryDevices(
  group: string,
  version: number,
  online: readonly string[],
  below: number,
): string[] {
  return online.filter((device) => canaryPlace(group, version, device) < below);
}

export function reachOf(...chosen: Parameters<typeof canaryDevices>): CanaryReach {
  return { devices: canaryDevices(...chosen).length, online: chosen[2].length };
}

export function newCanary(
  start: Pick<Canary, 'version' | 'share' | 'below' | 'stable' | 'reach'>,
  before: Side,
): Canary {
  return {
    ...{ ...start, before },
    ...{ tried: noAnswers, others: noAnswers, samplesAtShare: 0, audits: [] },
  };
}

/** @param latencyTargetMs target for late answers; `null`: none */
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

/** Adds a window to both sides. @param latencyTargetMs see {@link sideOf} */
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

/** The next share of devices; `null`: not yet. */
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

/** Merges audits of the same rate. Too many are merged into one with the highest rate, at which disagreement weighs least. */
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
