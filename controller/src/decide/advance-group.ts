import { applyOperatorChanges } from './group/apply-operator-changes.js';
import { countEvidence, countUnknownSamples } from './group/count-evidence.js';
import { findExitFacts } from './group/exit-facts.js';
import { type GroupDecision, withState } from './group/group-decision.js';
import { groupProblem } from './group/group-problem.js';
import { judgeGoals } from './group/judge-goals.js';
import { noteLateAnswers } from './group/late-answers.js';
import { reassignOutliers } from './group/reassign-outliers.js';
import { tuneGroup } from './group/tune-group.js';
import { tuneOutliers } from './group/tune-outliers.js';
import { groupWindows } from './group/tune-with.js';
import type { GroupInputs, TunableBundle } from './model/group-inputs.js';
import { type GroupState, modeOf } from './model/group-state.js';
import { endCanary } from './rollout/end-canary.js';
import { rollOut } from './rollout/rollout.js';
import { explainGroup } from './text/explain-group.js';

/**
 * The next state of a group: applies what operators changed, counts evidence, and decides on thresholds. The result's
 * `intent` lists the actions to carry out. Pure: the same state and inputs give the same result on every controller.
 */
export function advanceGroup(before: GroupState, inputs: GroupInputs): GroupState {
  const applied = applyOperatorChanges(before, inputs);
  const counted = countEvidence(applied, inputs);
  const { decision, unknown } = decide(counted, inputs);
  const { state, events, policy } = decision;
  const explanation = explainGroup(state, inputs.group, unknown);
  return {
    ...state,
    number: before.number + 1,
    explanation,
    intent:
      policy || events.length > 0
        ? {
            policy,
            previousRevision: inputs.newest.revision,
            // Events with facts were decided by evidence, and contain the reasons.
            events: events.map((event) => (event.facts ? { ...event, explanation } : event)),
          }
        : null,
  };
}

interface Decided {
  decision: GroupDecision;
  /** Missing information, in sentences. */
  unknown: readonly string[];
}

function decide(counted: GroupDecision, inputs: GroupInputs): Decided {
  const { bundle } = inputs;
  const decision = withProblem(endUnwantedCanary(counted, inputs), inputs);
  if (!bundle?.thresholds.length || decision.state.goals.length === 0) {
    const bundleDigest = bundle?.digest ?? null;
    return { decision: withState(decision, { bundleDigest, decision: null }), unknown: [] };
  }
  return decideByEvidence(beginBundle(decision, bundle), inputs, bundle);
}

function decideByEvidence(begun: GroupDecision, inputs: GroupInputs, bundle: TunableBundle): Decided {
  const counted = countUnknownSamples(begun, inputs, bundle);
  const reassigned = reassignOutliers(counted, inputs, bundle);
  const windows = groupWindows(reassigned.decision.state, inputs, bundle);
  const timed = noteLateAnswers(reassigned.decision, windows);
  const { facts, unknown } = findExitFacts(timed.state, inputs, bundle);
  const context = { inputs, bundle, facts };
  const tuned = tuneGroup(timed, context, windows, reassigned.hasNewOutliers);
  const outliers = tuneOutliers(tuned.decision, context);
  const urgent = reassigned.hasNewOutliers || outliers.urgent;
  const rolledOut =
    modeOf(counted.state) === 'auto'
      ? rollOut(outliers.decision, context, tuned.tuning, urgent)
      : outliers.decision;
  return { decision: judgeGoals(rolledOut, context, tuned.tuning), unknown };
}

function endUnwantedCanary(decision: GroupDecision, inputs: GroupInputs): GroupDecision {
  const { canary, goals } = decision.state;
  const mode = modeOf(decision.state);
  return canary && (mode !== 'auto' || goals.length === 0) ? endCanary(decision, inputs, mode) : decision;
}

function withProblem(decision: GroupDecision, inputs: GroupInputs): GroupDecision {
  return withState(decision, { problem: groupProblem(decision.state.goals, inputs) });
}

/** Devices that have not yet switched to the bundle keep their policy, and report it. */
function beginBundle(decision: GroupDecision, { digest }: TunableBundle): GroupDecision {
  if (digest === decision.state.bundleDigest) return decision;
  return withState(decision, {
    bundleDigest: digest,
    canary: null,
    cooldown: null,
    outliers: [],
    late: null,
  });
}
