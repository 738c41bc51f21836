import { defaultMaxAuditBytesPerHour } from '@offramp/contracts';
import { sameThresholds } from '../candidates/threshold-path.js';
import { type GroupDecision, withEvent, withPolicy, withState } from '../group/group-decision.js';
import { currentThresholds, stablePolicy, stableThresholds } from '../group/policies-in-force.js';
import type { TuningContext } from '../group/tune-with.js';
import { latencyTargetOf } from '../model/goals.js';
import { devicesOfOtherBundles, tunedOnline } from '../model/group-inputs.js';
import { type GroupState, tunerOf, withTuner } from '../model/group-state.js';
import type { PolicyContent } from '../model/policy-view.js';
import { eventTexts } from '../text/event-texts.js';
import type { TuningDecision } from '../tuner/tuning-decision.js';
import { answersBefore } from './answers-before.js';
import { canaryBelow, newCanary, reachOf } from './canary.js';
import { planRollout, type RolloutPlan } from './rollout-plan.js';
import { widenCanary } from './widen-canary.js';

/** Rolls out the thresholds that the tuner decided on. @param urgent whether outliers must get their thresholds at once */
export function rollOut(
  decision: GroupDecision,
  context: TuningContext,
  tuning: TuningDecision,
  urgent: boolean,
): GroupDecision {
  const { inputs, bundle } = context;
  const { plan, cooldown } = planRollout({
    ...{ state: decision.state, bundle, decision: tuning, canaryShare: inputs.canary.share },
    ...{ latencyTargetMs: latencyTargetOf(decision.state.goals), online: tunedOnline(inputs) },
    ...{ group: inputs.group, version: inputs.newest.version + 1 },
    current: currentThresholds(decision.state, bundle).thresholds,
    stable: stableThresholds(decision.state, bundle).thresholds,
  });
  const planned = withState(decision, { cooldown });
  if (plan) return carryOut(planned, context, plan, tuning);
  const widened = planned.state.canary ? widenCanary(planned, inputs) : planned;
  if (widened.policy || !(urgent || isOutdated(widened.state, context, tuning))) return widened;
  return carryOut(widened, context, planSameThresholds(widened.state, context, tuning), tuning);
}

/** Whether the policy differs from the decision in anything but thresholds. */
function isOutdated(state: GroupState, { bundle }: TuningContext, tuning: TuningDecision): boolean {
  const { policy, canary, outliers, goals } = state;
  const targetMs = latencyTargetOf(goals);
  if (policy === null ? tuning.changed || targetMs !== null : policy.latencyTargetMs !== targetMs)
    return true;
  if (canary) return false;
  if (policy && exceptionsChanged(outliers, policy)) return true;
  return tuning.auditRate !== currentThresholds(state, bundle).auditRate;
}

function exceptionsChanged(outliers: GroupState['outliers'], { exceptions }: PolicyContent): boolean {
  if (outliers.length !== exceptions.length) return true;
  return outliers.some(({ device, thresholds, auditRate }) => {
    const inForce = exceptions.find((other) => other.device === device);
    return (
      !inForce ||
      !sameThresholds(inForce.thresholds, thresholds) ||
      Math.fround(inForce.auditRate) !== Math.fround(auditRate)
    );
  });
}

function planSameThresholds(
  state: GroupState,
  { bundle }: TuningContext,
  { auditRate }: TuningDecision,
): RolloutPlan {
  const { thresholds } = currentThresholds(state, bundle);
  const { canary } = state;
  return canary
    ? {
        kind: 'canary',
        thresholds,
        auditRate,
        canaryShare: canary.share,
        text: eventTexts.canaryGoesOn(thresholds),
      }
    : {
        kind: 'policy',
        thresholds,
        auditRate,
        canaryShare: null,
        text: eventTexts.thresholdsStay(auditRate),
      };
}

function carryOut(
  decision: GroupDecision,
  { inputs, bundle }: TuningContext,
  plan: RolloutPlan,
  tuning: TuningDecision,
): GroupDecision {
  const { group, author } = inputs;
  const { state } = decision;
  const version = inputs.newest.version + 1;
  const stable = stablePolicy(state, group);
  const share = plan.canaryShare;
  const online = tunedOnline(inputs);
  const below = share === null ? null : canaryBelow(group, version, online, share);
  const targetMs = latencyTargetOf(state.goals);
  const tuner = tunerOf(state, bundle.digest);
  const moved = !sameThresholds(plan.thresholds, currentThresholds(state, bundle).thresholds);
  const put = withPolicy(decision, {
    ...{ group, version, thresholds: [...plan.thresholds], bundleDigest: bundle.digest, author },
    ...{ reason: plan.text, auditRate: plan.auditRate, latencyTargetMs: targetMs },
    maxAuditBytesPerHour: state.policy?.maxAuditBytesPerHour ?? defaultMaxAuditBytesPerHour,
    canary: below === null ? null : { below, stable },
    exceptions: state.outliers.map(({ device, thresholds, auditRate }) => ({
      device,
      thresholds,
      auditRate,
    })),
  });
  const canary =
    below === null || share === null
      ? null
      : newCanary(
          { version, share, below, stable, reach: reachOf(group, version, online, below) },
          answersBefore(put.state, inputs, version, below),
        );
  // A canary's event names the devices that get it.
  const others = below === null ? eventTexts.notFollowedBy(devicesOfOtherBundles(inputs, bundle.digest)) : '';
  const given = withState(put, {
    canary,
    tuners: withTuner(put.state, bundle.digest, moved ? { ...tuner, samplesSinceChange: 0 } : tuner),
  });
  return withEvent(given, inputs, {
    kind: below === null && plan.kind === 'canary' ? 'policy' : plan.kind,
    ...{ policyVersion: version, thresholds: [...plan.thresholds], text: `${plan.text}${others}` },
    ...{ severity: plan.severity ?? 'info', facts: tuning.facts },
  });
}
