import type { GroupStatus } from '../model/fleet-control.js';
import type { GroupState } from '../model/group-state.js';
import type { PolicyView } from '../model/policy-view.js';
import { goalText } from '../text/goal-text.js';

/** The parts of a group's status that follow from its state alone. */
export function decidedOf({ decision, outliers }: GroupState): Pick<GroupStatus, 'decision' | 'exceptions'> {
  return {
    decision: decision && {
      reason: decision.reason,
      certainty: decision.certainty,
      tableTrusted: decision.tableTrusted,
      drift: decision.drift,
      facts: decision.facts,
      unmet: decision.choice.unmet.map(goalText),
    },
    exceptions: outliers.map(({ device, distance, thresholds }) => ({ device, distance, thresholds })),
  };
}

/** The canary, if state and policy both have it. @param own the bundle's thresholds */
export function canaryOf(
  { canary }: GroupState,
  policy: PolicyView,
  own: readonly number[],
): GroupStatus['canary'] {
  if (!canary || !policy.canary) return null;
  const { stable } = policy.canary;
  return {
    policyVersion: canary.version,
    share: canary.share,
    reach: canary.reach,
    samples: canary.tried.samples,
    stableThresholds: [...(stable.version === 0 ? own : stable.thresholds)],
  };
}
