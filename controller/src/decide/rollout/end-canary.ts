import { type GroupDecision, withEvent, withPolicy, withState } from '../group/group-decision.js';
import { stablePolicy } from '../group/policies-in-force.js';
import type { ControlMode } from '../model/fleet-control.js';
import type { GroupInputs } from '../model/group-inputs.js';
import { eventTexts } from '../text/event-texts.js';

/** Canary devices return to the policy of the others. */
export function endCanary(decision: GroupDecision, inputs: GroupInputs, mode: ControlMode): GroupDecision {
  const { canary, policy } = decision.state;
  if (!canary || !policy) return decision;
  const { group, author, bundle, newest } = inputs;
  const stable = stablePolicy(decision.state, group);
  const version = newest.version + 1;
  // Without an earlier policy, devices return to the bundle's thresholds.
  const thresholds = [
    ...(stable.version === 0 ? (bundle?.thresholds ?? policy.thresholds) : stable.thresholds),
  ];
  const text = eventTexts.canaryEnded(canary.version, mode);
  const put = withPolicy(decision, {
    ...stable,
    ...{ version, thresholds, author, reason: text, canary: null, exceptions: policy.exceptions },
  });
  return withEvent(withState(put, { canary: null }), inputs, {
    ...{ kind: 'rolled-back', policyVersion: version, thresholds, text },
  });
}
