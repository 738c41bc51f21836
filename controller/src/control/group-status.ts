import type { PolicyView } from '../policy/policy-view.js';
import { unmetInWords } from './advance-group.js';
import type { GroupStatus } from './fleet-control.js';
import type { GroupState } from './group-state.js';

/** What a state says of a group that needs nothing else. */
export function decidedOf({ decision, apart }: GroupState): Pick<GroupStatus, 'decision' | 'exceptions'> {
  return {
    decision: decision && {
      reason: decision.reason,
      certainty: decision.certainty,
      tableTrusted: decision.tableTrusted,
      drift: decision.drift,
      facts: decision.facts,
      unmet: unmetInWords(decision.choice.unmet),
    },
    exceptions: apart.map(({ device, distance, thresholds }) => ({ device, distance, thresholds })),
  };
}

/** Where it goes on, in state and policy alike. @param own the bundle's thresholds */
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
    samples: canary.tried.samples,
    stableThresholds: [...(stable.version === 0 ? own : stable.thresholds)],
  };
}
