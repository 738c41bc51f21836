import type { GroupInputs, TunableBundle } from '../model/group-inputs.js';
import type { GroupState } from '../model/group-state.js';
import { eventTexts } from '../text/event-texts.js';
import { addDegradedAnswers } from './degraded-answers.js';
import { type GroupDecision, withEvent, withState } from './group-decision.js';
import { answeredIn, samplesUnknown } from './policy-windows.js';

/** Half-life of samples in the estimated rate of samples. */
const paceHalfLifeMs = 60_000;

/** Counts the evidence since the last step, and reports when many answers are degraded. */
export function countEvidence(
  { state, events }: Pick<GroupDecision, 'state' | 'events'>,
  inputs: GroupInputs,
): GroupDecision {
  const { evidence, streamCreated } = inputs;
  const degraded = addDegradedAnswers(state.degraded, evidence.parts);
  const counted = withState(
    { state, events, policy: null },
    {
      ...{ ...countSamples(state, evidence), streamCreated, degraded },
      intent: null,
    },
  );
  if (degraded.many === state.degraded.many) return counted;
  return withEvent(
    counted,
    inputs,
    degraded.many
      ? { kind: 'degraded', severity: 'warning', text: eventTexts.degraded(degraded) }
      : { kind: 'degraded-over', text: eventTexts.degradedOver(degraded) },
  );
}

function countSamples(state: GroupState, evidence: GroupInputs['evidence']): Partial<GroupState> {
  const samples = answeredIn(evidence.parts);
  const storedUpToMs = Math.max(state.storedUpToMs, evidence.storedUpToMs);
  const elapsedMs = state.storedUpToMs === 0 ? 0 : storedUpToMs - state.storedUpToMs;
  const fade = 0.5 ** (elapsedMs / paceHalfLifeMs);
  return {
    ...{ upTo: evidence.upTo, storedUpToMs, samples: state.samples + samples },
    pace:
      elapsedMs > 0
        ? { samples: state.pace.samples * fade + samples, ms: state.pace.ms * fade + elapsedMs }
        : state.pace,
  };
}

/** Counts samples under unknown policies, which cannot be judged. */
export function countUnknownSamples(
  decision: GroupDecision,
  { evidence }: GroupInputs,
  bundle: TunableBundle,
): GroupDecision {
  const { state } = decision;
  const added = samplesUnknown(evidence.parts, bundle, state.known);
  return withState(decision, { samplesUnknown: state.samplesUnknown + added });
}
