import { meanOf, sharesAt, type TableOutcomes } from '../candidates/table-outcomes.js';
import type { TunerInputs } from './tuner-inputs.js';
import type { TunerState } from './tuner-state.js';
import type { TuningReason } from './tuning-decision.js';

/** Largest fall of thresholds in one step. */
const maxStepLogOdds = 3.5;
const leastSamplesToLower = 200;
/** A cheaper policy must save at least this share of the cost; after `patienceSamples`, the smaller share suffices. */
const leastSaving = 0.02;
const leastSavingInTheEnd = 0.005;
const patienceSamples = 2_000;

/**
 * The next candidate on the way from the one in force to the target, and the reason.
 * @param position of the thresholds in force
 */
export function nextCandidate(
  { path, goals, facts }: TunerInputs,
  state: TunerState,
  outcomes: TableOutcomes,
  position: number,
  target: number,
  drifted: boolean,
): { next: number; reason: TuningReason } {
  if (goals.length === 0) return { next: position, reason: 'no-goal' };
  const agreement = goals.some(({ kind }) => kind === 'agreement');
  if (drifted && target < position) return { next: target, reason: 'drift' };
  if (target < position) {
    if (agreement) return { next: target, reason: 'not-proven' };
    return state.samplesSinceChange < leastSamplesToLower
      ? { next: position, reason: 'too-little-evidence' }
      : { next: target, reason: 'safer' };
  }
  if (target === position) return { next: position, reason: drifted ? 'drift' : 'good-enough' };
  // If thresholds must fall to keep a ceiling, savings do not matter.
  const overCeiling = agreement ? target > state.certified : true;
  if (state.samplesSinceChange < leastSamplesToLower && !overCeiling) {
    return { next: position, reason: 'too-little-evidence' };
  }
  const savingWanted = state.samplesSinceChange < patienceSamples ? leastSaving : leastSavingInTheEnd;
  const costAt = (candidate: number) => meanOf(facts.cost, sharesAt(outcomes, candidate));
  if (!overCeiling && costAt(target) > (1 - savingWanted) * costAt(position)) {
    return { next: position, reason: 'good-enough' };
  }
  const next = path.towards(position, target, maxStepLogOdds);
  return { next, reason: overCeiling ? 'over-ceiling' : 'cheaper' };
}
