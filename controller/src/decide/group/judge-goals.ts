import { tunerOf } from '../model/group-state.js';
import { eventTexts } from '../text/event-texts.js';
import type { TuningDecision } from '../tuner/tuning-decision.js';
import { type GroupDecision, withEvent, withState } from './group-decision.js';
import type { TuningContext } from './tune-with.js';

/** With fewer samples, goals are neither met nor missed. */
const minSamplesToJudge = 200;

/** Reports when goals are met, and when they no longer are. */
export function judgeGoals(
  decision: GroupDecision,
  { inputs, bundle }: TuningContext,
  tuning: TuningDecision,
): GroupDecision {
  const { state, policy } = decision;
  const { samples } = tunerOf(state, bundle.digest);
  const underWay = tuning.reason === 'over-ceiling' && tuning.position !== tuning.target;
  // A policy decided in this step has not been observed yet.
  if (samples < minSamplesToJudge || underWay || state.canary || policy) return decision;
  const { unmet } = tuning.choice;
  const met = unmet.length === 0;
  if (met === state.met) return decision;
  return withEvent(withState(decision, { met }), inputs, {
    ...{ kind: met ? 'goal-met' : 'goal-unmet', severity: met ? 'info' : 'warning' },
    ...{ text: met ? eventTexts.goalMet(state.goals) : eventTexts.goalUnmet(unmet), facts: tuning.facts },
  });
}
