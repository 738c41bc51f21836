import type { Manifest } from '@offramp/bundle';
import type { ThresholdGoal } from './choose-thresholds.js';

/** Of `offramp augment`. */
const usualDelta = 0.05;

/** What the thresholds of a bundle were chosen for. */
export function recordedGoal({ provenance, policy }: Pick<Manifest, 'provenance' | 'policy'>): ThresholdGoal {
  const { agreement = policy.targetAgreement, cost, delta = usualDelta } = provenance.options;
  const certainty = { delta: Number(delta) };
  return cost === undefined
    ? { ...certainty, agreement: Number(agreement) }
    : { ...certainty, cost: Number(cost) };
}
