import type { EvidencePart } from '../model/evidence.js';

/** How many of a group's latest samples got degraded answers. A plain value. */
export interface DegradedAnswers {
  /** By step of the controller, oldest first. */
  recent: { samples: number; degraded: number; refused: number }[];
  /** Whether they are reported as many. */
  many: boolean;
}

/** Number of latest samples that count, rounded up to whole steps. */
const recentSamples = 500;
/** With fewer samples there is no judgement. */
const leastSamples = 200;
const manyShare = 0.02;
/** Well below `manyShare`, so that events do not alternate. */
const fewShare = 0.005;

export const noDegradedAnswers: DegradedAnswers = { recent: [], many: false };

export function addDegradedAnswers(
  before: DegradedAnswers,
  parts: readonly Pick<EvidencePart, 'counts'>[],
): DegradedAnswers {
  const samples = parts.reduce((sum, { counts }) => sum + counts.samples, 0);
  if (samples === 0) return before;
  const degraded = parts.reduce((sum, { counts }) => sum + counts.degraded, 0);
  const refused = parts.reduce((sum, { counts }) => sum + counts.refusedByWorker, 0);
  const recent = [...before.recent, { samples, degraded, refused }];
  while (recentOf(recent.slice(1)).samples >= recentSamples) recent.shift();
  const last = recentOf(recent);
  if (last.samples < leastSamples) return { ...before, recent };
  return { recent, many: last.share >= (before.many ? fewShare : manyShare) };
}

/** @returns `share` of samples that are degraded, and of them `refused` by workers; 0 where there are none */
export function recentOf(recent: DegradedAnswers['recent']): {
  samples: number;
  share: number;
  refused: number;
} {
  const samples = recent.reduce((sum, step) => sum + step.samples, 0);
  const degraded = recent.reduce((sum, step) => sum + step.degraded, 0);
  // Absent in states written by versions that do not count refusals.
  const refused = recent.reduce((sum, step) => sum + (step.refused ?? 0), 0);
  return {
    samples,
    share: samples === 0 ? 0 : degraded / samples,
    refused: degraded === 0 ? 0 : refused / degraded,
  };
}
