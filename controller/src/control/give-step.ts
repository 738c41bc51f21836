import { canaryPlace, defaultMaxAuditBytesPerHour } from '@offramp/shared';
import { percentText as percent } from '../percent-text.js';
import type { PolicyContent } from '../policy/policy-view.js';
import { sameThresholds } from '../tuner/threshold-path.js';
import type { TuningDecision } from '../tuner/tune.js';
import { newTunerState } from '../tuner/tuner-state.js';
import { canaryBelow, newCanary, nextShare, type Side, sideOf } from './canary.js';
import type { ControlMode } from './fleet-control.js';
import type { TunableBundle } from './group-inputs.js';
import { withTuner } from './group-state.js';
import type { GroupStep } from './group-step.js';
import { type Order, orderOf, thresholdsInWords as shown } from './order.js';

/** So many times what canaries should have answered by now, the others have: those chosen must be away. */
const stalledFactor = 10;

/** Has devices get what was decided. @param urgent whether exceptions are to be told at once */
export function follow(
  step: GroupStep,
  bundle: TunableBundle,
  decision: TuningDecision,
  urgent: boolean,
): void {
  const { order, bar } = orderOf({
    ...{ state: step.state, bundle, decision, latencyTargetMs: step.latencyTargetMs },
    ...{ current: step.current(bundle).thresholds, stable: step.stable(bundle).thresholds },
    canaryShare: step.inputs.canary.share,
    online: step.inputs.devices.filter(({ online }) => online).length,
  });
  step.state = { ...step.state, bar };
  if (order) give(step, bundle, order, decision);
  else if (step.state.canary) widen(step);
  if (step.policy) return;
  const { policy, canary } = step.state;
  const stale =
    policy === null
      ? decision.changed || step.latencyTargetMs !== null
      : policy.latencyTargetMs !== step.latencyTargetMs || (!canary && exceptionsChanged(step, policy));
  const rateMoved = !canary && decision.auditRate !== step.current(bundle).auditRate;
  if (!urgent && !stale && !rateMoved) return;
  give(
    step,
    bundle,
    {
      kind: canary ? 'canary' : 'policy',
      thresholds: step.current(bundle).thresholds,
      auditRate: decision.auditRate,
      canaryShare: canary?.share ?? null,
      text: canary
        ? `Thresholds ${shown(step.current(bundle).thresholds)} go on being tried, by other devices.`
        : `Thresholds stay; ${percent(decision.auditRate)} of samples are chosen for audits.`,
    },
    decision,
  );
}

function exceptionsChanged(step: GroupStep, policy: PolicyContent): boolean {
  const { apart } = step.state;
  if (apart.length !== policy.exceptions.length) return true;
  return apart.some((device) => {
    const told = policy.exceptions.find((other) => other.device === device.device);
    return (
      !told ||
      !sameThresholds(told.thresholds, device.thresholds) ||
      Math.fround(told.auditRate) !== Math.fround(device.auditRate)
    );
  });
}

/** More devices try a policy, or all have it: the same one, with another canary in it. */
function widen(step: GroupStep): void {
  const { canary, policy } = step.state;
  if (!canary || !policy?.canary) return;
  const share = nextShare(canary, step.inputs.canary) ?? canary.share;
  const online = step.inputs.devices.filter((device) => device.online).map(({ device }) => device);
  const below = share === 1 ? null : canaryBelow(step.inputs.group, canary.version, online, share);
  if (below === null) {
    // Where all but one device have gone, there is nothing to compare either.
    step.put({ ...policy, canary: null });
    step.state = { ...step.state, canary: null };
    step.say('promoted', {
      ...{ policyVersion: policy.version, thresholds: policy.thresholds },
      text: `Everybody gets policy ${policy.version}: ${Math.round(canary.tried.samples)} samples spoke for it.`,
    });
    return;
  }
  const stalled =
    canary.samplesAtShare === 0 &&
    canary.others.samples > (stalledFactor * step.inputs.canary.samples) / canary.share;
  if (share === canary.share && !(stalled && below > canary.below)) return;
  const widened = Math.max(below, canary.below);
  step.put({ ...policy, canary: { ...policy.canary, below: widened } });
  const before = answersBefore(step, canary.version, widened);
  step.state = { ...step.state, canary: { ...canary, share, below: widened, before, samplesAtShare: 0 } };
  step.say('widened', {
    ...{ policyVersion: policy.version, thresholds: policy.thresholds },
    text: `Policy ${policy.version} is tried by ${percent(share)} of devices.`,
  });
}

function give(step: GroupStep, bundle: TunableBundle, order: Order, decision: TuningDecision): void {
  const version = step.inputs.newest.version + 1;
  const { group, devices, author } = step.inputs;
  const stable = step.stablePolicy();
  const online = devices.filter((device) => device.online).map(({ device }) => device);
  const below = order.canaryShare === null ? null : canaryBelow(group, version, online, order.canaryShare);
  const share = order.canaryShare;
  const moved = !sameThresholds(order.thresholds, step.current(bundle).thresholds);
  step.put({
    ...{ group, version, thresholds: [...order.thresholds], bundleDigest: bundle.digest, author },
    ...{ reason: order.text, auditRate: order.auditRate, latencyTargetMs: step.latencyTargetMs },
    maxAuditBytesPerHour: step.state.policy?.maxAuditBytesPerHour ?? defaultMaxAuditBytesPerHour,
    canary: below === null ? null : { below, stable },
    exceptions: step.state.apart.map(({ device, thresholds, auditRate }) => ({
      device,
      thresholds,
      auditRate,
    })),
  });
  const tuner = step.state.tuners[bundle.digest] ?? newTunerState(true);
  step.state = {
    ...step.state,
    canary:
      below === null || share === null
        ? null
        : newCanary({ version, share, below, stable }, answersBefore(step, version, below)),
    tuners: withTuner(step.state, bundle.digest, moved ? { ...tuner, samplesSinceChange: 0 } : tuner),
  };
  step.say(below === null && order.kind === 'canary' ? 'policy' : order.kind, {
    ...{ policyVersion: version, thresholds: [...order.thresholds], text: order.text },
    ...{ severity: order.severity ?? 'info', facts: decision.facts },
  });
}

/** What devices did lately that are to try a policy, before they do. */
function answersBefore(step: GroupStep, version: number, below: number): Side {
  const { apart, known } = step.state;
  const { group, devices, answers } = step.inputs;
  const names = devices
    .map(({ device }) => device)
    .filter(
      (name) => canaryPlace(group, version, name) < below && !apart.some(({ device }) => device === name),
    );
  const targets = new Map(known.map((policy) => [policy.version, policy.latencyTargetMs]));
  return sideOf(
    answers(names)
      .filter(({ policyVersion }) => policyVersion !== version)
      .map((of) => ({ ...of, latencyTargetMs: targets.get(of.policyVersion) ?? null })),
    step.latencyTargetMs,
  );
}

/** Has those who try a policy go back to what the others follow. */
export function endCanary(step: GroupStep, mode: ControlMode): void {
  const { canary, policy } = step.state;
  if (!canary || !policy) return;
  const stable = step.stablePolicy();
  const version = step.inputs.newest.version + 1;
  // Without a policy before it, there are only the bundle's thresholds to go back to.
  const thresholds =
    stable.version === 0 ? (step.inputs.bundle?.thresholds ?? policy.thresholds) : stable.thresholds;
  const why = mode === 'auto' ? 'there is no goal any more' : `thresholds are ${mode}`;
  const text = `Policy ${canary.version} is taken back: ${why}.`;
  step.put({
    ...stable,
    ...{ version, thresholds: [...thresholds], author: step.inputs.author, reason: text },
    ...{ canary: null, exceptions: policy.exceptions },
  });
  step.state = { ...step.state, canary: null };
  step.say('rolled-back', { policyVersion: version, thresholds: [...thresholds], text });
}
