/** Answers that took longer than a group's latency goal allows, by where samples left. */
export interface LateAnswers {
  targetMs: number;
  /** Per exit, the final one last. */
  late: number[];
  left: number[];
}

/** What was counted longer ago than so many samples counts for half. */
const halfLifeSamples = 5_000;
/** Fewer answers say nothing of an exit. */
const leastAnswers = 20;

/** @param before `null`, or of another target: nothing is known */
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
 * The share of late answers at each exit. Of an exit by which next to nobody has left, no less than of those
 * before it; 0 where nothing is known of these either.
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
