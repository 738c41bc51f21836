import { goalInWords } from '../tuner/explain.js';
import type { TuningDecision } from '../tuner/tune.js';
import { newTunerState } from '../tuner/tuner-state.js';
import { addDegradedAnswers } from './degraded-answers.js';
import { degradedInWords, explainGroup } from './explain-group.js';
import { endCanary, follow } from './give-step.js';
import type { GroupInputs, TunableBundle } from './group-inputs.js';
import { type GroupState, modeOf } from './group-state.js';
import { GroupStep } from './group-step.js';
import { answeredIn, samplesUnknown } from './policy-windows.js';
import { receiveOrders } from './receive-orders.js';
import { reassign, tuneApart, tuneGroup } from './tune-step.js';

/** The pace of samples is that of about so long. */
const paceMs = 60_000;
/** Before so many samples nobody says whether goals are met. */
const leastSamplesToJudge = 200;

/**
 * The next state of a group: what people want of it is received, evidence is added, and thresholds are decided upon. The
 * result's `intent` says what is to be done about it. Holds no clock and does no I/O; of the same state and inputs, whoever
 * decides comes to the same.
 */
export function advanceGroup(before: GroupState, inputs: GroupInputs): GroupState {
  const received = receiveOrders(before, inputs);
  const counted = countEvidence({ ...received.state, intent: null }, inputs);
  const step = new GroupStep(counted, inputs, received.events);
  tellOfDegraded(step, before.degraded.many);
  run(step);
  const { state } = step;
  const explanation = explainGroup(state, inputs.group, step.unknown);
  return {
    ...state,
    number: before.number + 1,
    explanation,
    intent:
      step.policy || step.events.length > 0
        ? {
            policy: step.policy,
            previousRevision: inputs.newest.revision,
            // What was decided by evidence is told with its reasons.
            events: step.events.map((event) => (event.facts ? { ...event, explanation } : event)),
          }
        : null,
  };
}

function countEvidence(state: GroupState, { evidence, streamCreated }: GroupInputs): GroupState {
  const samples = answeredIn(evidence.parts);
  const storedUpToMs = Math.max(state.storedUpToMs, evidence.storedUpToMs);
  const elapsedMs = state.storedUpToMs === 0 ? 0 : storedUpToMs - state.storedUpToMs;
  const fade = 0.5 ** (elapsedMs / paceMs);
  return {
    ...state,
    ...{ upTo: evidence.upTo, streamCreated, storedUpToMs, samples: state.samples + samples },
    degraded: addDegradedAnswers(state.degraded, evidence.parts),
    pace:
      elapsedMs > 0
        ? { samples: state.pace.samples * fade + samples, ms: state.pace.ms * fade + elapsedMs }
        : state.pace,
  };
}

function run(step: GroupStep): void {
  const { bundle } = step.inputs;
  const mode = modeOf(step.state);
  if (step.state.canary && (mode !== 'auto' || step.goals.length === 0)) endCanary(step, mode);
  step.state = { ...step.state, problem: problemOf(step) };
  if (!bundle?.thresholds.length || step.goals.length === 0) {
    step.state = { ...step.state, bundleDigest: bundle?.digest ?? null, decision: null };
    return;
  }
  if (bundle.digest !== step.state.bundleDigest) startBundle(step, bundle);
  const { samplesUnknown: before, known } = step.state;
  const unknown = before + samplesUnknown(step.inputs.evidence.parts, bundle, known);
  step.state = { ...step.state, samplesUnknown: unknown };
  const leaving = reassign(step, bundle);
  const decision = tuneGroup(step, bundle, leaving);
  const urgent = tuneApart(step, bundle);
  if (mode === 'auto') follow(step, bundle, decision, leaving || urgent);
  judgeGoals(step, decision, bundle);
}

function tellOfDegraded(step: GroupStep, before: boolean): void {
  const { many } = step.state.degraded;
  if (many === before) return;
  const text = degradedInWords(step.state);
  if (many) step.say('degraded', { severity: 'warning', text });
  else step.say('degraded-over', { text: `Answers come from the cloud again. ${text}` });
}

function problemOf(step: GroupStep): string | null {
  const { bundle, bundleDigest, devices } = step.inputs;
  if (step.goals.length === 0) return 'No goal is set.';
  if (devices.length === 0 || !bundleDigest) return 'No device has reported yet.';
  if (bundle?.thresholds.length === 0)
    return 'The bundle has no branches, so there are no thresholds to set.';
  if (bundle) return null;
  return `The calibration table of bundle ${bundleDigest.slice(0, 12)} is not known: start the controller with --bundle, or give it with \`offramp fleet bundle add\`.`;
}

function startBundle(step: GroupStep, bundle: TunableBundle): void {
  // Devices that are on the way to the bundle keep what they have, and say so.
  step.state = {
    ...step.state,
    bundleDigest: bundle.digest,
    canary: null,
    bar: null,
    apart: [],
    late: null,
  };
}

function judgeGoals(step: GroupStep, decision: TuningDecision, bundle: TunableBundle): void {
  const { samples } = step.state.tuners[bundle.digest] ?? newTunerState(true);
  const underWay = decision.reason === 'over-ceiling' && decision.position !== decision.target;
  // What has just been given is not what was seen.
  if (samples < leastSamplesToJudge || underWay || step.state.canary || step.policy) return;
  const unmet = unmetInWords(decision.choice.unmet);
  const met = unmet.length === 0;
  if (met === step.state.met) return;
  step.state = { ...step.state, met };
  const words = step.goals.map(goalInWords).join('; ');
  step.say(met ? 'goal-met' : 'goal-unmet', {
    severity: met ? 'info' : 'warning',
    text: met ? `The goal is met: ${words}.` : `Not met: ${unmet.join('; ')}.`,
    facts: decision.facts,
  });
}

/** Goals that are not met, in words. */
export function unmetInWords(unmet: TuningDecision['choice']['unmet']): string[] {
  return unmet.map(goalInWords);
}
