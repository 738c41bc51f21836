import type { EvidencePart } from '../evidence/evidence-journal.js';

/** How many of a group's latest samples nobody in the cloud answered. A plain value. */
export interface DegradedAnswers {
  /** By step of the controller, oldest first. */
  recent: { samples: number; degraded: number; refused: number }[];
  /** Whether they are so many that it was said. */
  many: boolean;
}

/** So many samples are looked back upon, and in whole steps. */
const recentSamples = 500;
/** Fewer say nothing. */
const leastSamples = 200;
const manyShare = 0.02;
/** Well below, so that it is not said over and over. */
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
  // States of before refusals were counted have none.
  const refused = recent.reduce((sum, step) => sum + (step.refused ?? 0), 0);
  return {
    samples,
    share: samples === 0 ? 0 : degraded / samples,
    refused: degraded === 0 ? 0 : refused / degraded,
  };
}
