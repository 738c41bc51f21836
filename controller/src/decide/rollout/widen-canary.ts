import { type GroupDecision, withEvent, withPolicy, withState } from '../group/group-decision.js';
import { devicesOfOtherBundles, type GroupInputs, tunedOnline } from '../model/group-inputs.js';
import { eventTexts } from '../text/event-texts.js';
import { answersBefore } from './answers-before.js';
import { type Canary, canaryBelow, nextShare, reachOf } from './canary.js';

/** If the others have answered this multiple of what canaries should have, the chosen devices count as offline. */
const stalledFactor = 10;

/** More devices try a policy, or all get it: the same policy with a larger canary, or with none. */
export function widenCanary(decision: GroupDecision, inputs: GroupInputs): GroupDecision {
  const { canary, policy } = decision.state;
  if (!canary || !policy?.canary) return decision;
  const share = nextShare(canary, inputs.canary) ?? canary.share;
  const online = tunedOnline(inputs);
  const below = share === 1 ? null : canaryBelow(inputs.group, canary.version, online, share);
  const about = { policyVersion: policy.version, thresholds: policy.thresholds };
  if (below === null) {
    // With one device online there is no other device to compare with.
    const promoted = withState(withPolicy(decision, { ...policy, canary: null }), { canary: null });
    const others = eventTexts.notFollowedBy(devicesOfOtherBundles(inputs, policy.bundleDigest));
    const text = `${eventTexts.promoted(policy.version, canary.tried.samples)}${others}`;
    return withEvent(promoted, inputs, { kind: 'promoted', ...about, text });
  }
  if (share === canary.share && !(isStalled(canary, inputs) && below > canary.below)) return decision;
  const widened = Math.max(below, canary.below);
  const put = withPolicy(decision, { ...policy, canary: { ...policy.canary, below: widened } });
  const before = answersBefore(put.state, inputs, canary.version, widened);
  const reach = reachOf(inputs.group, canary.version, online, widened);
  const grown = { ...canary, share, below: widened, reach, before, samplesAtShare: 0 };
  return withEvent(withState(put, { canary: grown }), inputs, {
    ...{ kind: 'widened', ...about, text: eventTexts.widened(grown) },
  });
}

function isStalled({ samplesAtShare, others, share }: Canary, { canary }: GroupInputs): boolean {
  return samplesAtShare === 0 && others.samples > (stalledFactor * canary.samples) / share;
}
