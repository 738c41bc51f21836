import { latencyTargetOf } from '../model/goals.js';
import type { LateAnswers } from '../model/late-answers.js';
import { type GroupDecision, withState } from './group-decision.js';
import type { PolicyWindow } from './policy-windows.js';

/** Half-life of counts, in samples. */
const halfLifeSamples = 5_000;
/** With fewer answers an exit is not judged. */
const leastAnswers = 20;

/** Counts late answers against the latency goal, if there is one. */
export function noteLateAnswers(decision: GroupDecision, windows: readonly PolicyWindow[]): GroupDecision {
  const targetMs = latencyTargetOf(decision.state.goals);
  const counted = windows.filter(({ latencyTargetMs }) => latencyTargetMs === targetMs);
  const late = targetMs === null ? null : addLateAnswers(decision.state.late, targetMs, counted);
  return withState(decision, { late });
}

/** @param before `null` or of another target: counting restarts */
export function addLateAnswers(
  before: LateAnswers | null,
  targetMs: number,
  windows: readonly { left: readonly number[]; late: readonly number[] }[],
): LateAnswers {
  const counted = windows.filter(({ left, late }) => late.length === left.length);
  const known = before?.targetMs === targetMs ? before : { late: [], left: [] };
  const samples = sum(counted.flatMap(({ left }) => left));
  const fade = 0.5 ** (samples / halfLifeSamples);
  const exits = Math.max(known.left.length, ...counted.map(({ left }) => left.length), 0);
  const total = (of: 'late' | 'left') =>
    Array.from({ length: exits }, (_, exit) =>
      counted.reduce((total, window) => total + (window[of][exit] ?? 0), (known[of][exit] ?? 0) * fade),
    );
  return { targetMs, late: total('late'), left: total('left') };
}

/**
 * The share of late answers at each exit. An exit with too few samples has at least the share of the exits before it;
 * 0 if these have too few as well.
 */
export function lateShares(answers: LateAnswers | null, targetMs: number, exits: number): number[] {
  let least = 0;
  return Array.from({ length: exits }, (_, exit) => {
    const left = answers?.targetMs === targetMs ? (answers.left[exit] ?? 0) : 0;
    const share = left < leastAnswers ? least : (answers?.late[exit] ?? 0) / left;
    least = Math.max(least, share);
    return share;
  });
}

export function knowsLateAnswers(answers: LateAnswers | null, targetMs: number): boolean {
  return answers?.targetMs === targetMs && answers.left.some((left) => left >= leastAnswers);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
