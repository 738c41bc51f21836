import { sameThresholds } from '../candidates/threshold-path.js';
import type { FleetEventKind, NewEvent } from '../model/fleet-event.js';
import { allowedDisagreement } from '../model/goals.js';
import type { TunableBundle } from '../model/group-inputs.js';
import type { Cooldown, GroupState } from '../model/group-state.js';
import { eventTexts } from '../text/event-texts.js';
import type { TuningDecision } from '../tuner/tuning-decision.js';
import { type Canary, canaryBelow, canaryDevices } from './canary.js';
import { canaryHarm } from './canary-harm.js';

/** The thresholds to roll out, and how. */
export interface RolloutPlan {
  kind: FleetEventKind;
  thresholds: readonly number[];
  auditRate: number;
  /** Share of devices that try them first; `null`: all devices get them at once. */
  canaryShare: number | null;
  text: string;
  severity?: NewEvent['severity'];
}

export interface RolloutInputs {
  state: GroupState;
  bundle: TunableBundle;
  decision: TuningDecision;
  /** Thresholds of the canary if there is one, else of all devices. */
  current: readonly number[];
  /** Thresholds of devices outside a canary. */
  stable: readonly number[];
  latencyTargetMs: number | null;
  /** Initial share of devices of a canary. */
  canaryShare: number;
  group: string;
  /** Of the policy that would be put. */
  version: number;
  /** Devices online. */
  online: readonly string[];
}

/**
 * Plans how a decision of the tuner is rolled out: higher thresholds go to all devices, lower ones to a canary first, and a
 * canary that does harm is rolled back.
 * @returns `plan`: `null` if thresholds stay. `cooldown`: thresholds that have failed and are not tried for a while
 */
export function planRollout(inputs: RolloutInputs): { plan: RolloutPlan | null; cooldown: Cooldown | null } {
  const { canary, cooldown } = inputs.state;
  return canary ? planInCanary(inputs, canary) : { plan: planWithoutCanary(inputs), cooldown };
}

function planWithoutCanary(inputs: RolloutInputs): RolloutPlan | null {
  const { state, bundle, decision, current } = inputs;
  const { path } = bundle;
  if (sameThresholds(decision.thresholds, current)) return null;
  const from = path.positionOf(current);
  const all = { kind: 'policy' as const, auditRate: decision.auditRate, canaryShare: null };
  if (decision.position <= from) {
    const text = eventTexts.higherThresholds(decision);
    return { ...all, thresholds: decision.thresholds, text };
  }
  // Devices that follow their bundles, or count late answers against another target, cannot be compared with canaries.
  if (state.policy === null || state.policy.latencyTargetMs !== inputs.latencyTargetMs) return null;
  const { cooldown } = state;
  const tooCheap =
    cooldown && samplesOf(inputs) < cooldown.untilSamples
      ? path.positionOf(cooldown.thresholds)
      : path.candidates;
  const position = Math.min(decision.position, tooCheap - 1);
  if (position <= from) return null;
  const wanted = { thresholds: path.thresholdsAt(position), auditRate: decision.auditRate };
  // Overloaded workers refuse samples in the meantime, so a canary would only delay the relief.
  const urgent = decision.reason === 'over-ceiling' && decision.choice.limitedBy === 'workers';
  if (urgent || inputs.online.length < 2)
    return { ...all, ...wanted, text: eventTexts.thresholdsForAll(wanted.thresholds) };
  const { canaryShare, group, version, online } = inputs;
  const below = canaryBelow(group, version, online, canaryShare) ?? 0;
  const first = canaryDevices(group, version, online, below);
  const text = eventTexts.canaryBegins(wanted.thresholds, first, online.length);
  return { ...wanted, kind: 'canary', canaryShare, text };
}

function planInCanary(
  inputs: RolloutInputs,
  canary: Canary,
): { plan: RolloutPlan | null; cooldown: Cooldown | null } {
  const { state, bundle, decision, current, stable } = inputs;
  const { path } = bundle;
  const { cooldown } = state;
  const tried = path.positionOf(current);
  const others = path.positionOf(stable);
  const { thresholds, auditRate } = decision;
  const back = {
    ...{ kind: 'rolled-back' as const, thresholds: stable, auditRate, canaryShare: null },
    severity: 'warning' as const,
  };
  if (decision.position < others) {
    const text = eventTexts.higherThanBeforeCanary(decision);
    return { plan: { ...back, thresholds, text }, cooldown };
  }
  const harm = canaryHarm(canary, allowedDisagreement(state.goals));
  if (harm) {
    return {
      plan: { ...back, text: eventTexts.canaryHarms(canary.version, harm) },
      cooldown: { thresholds: [...current], untilSamples: 2 * samplesOf(inputs) },
    };
  }
  if (decision.position >= tried) return { plan: null, cooldown };
  if (decision.position > others) {
    const text = eventTexts.canaryReplaced(canary.version, thresholds);
    return { plan: { kind: 'canary', thresholds, auditRate, canaryShare: canary.share, text }, cooldown };
  }
  return {
    plan: { ...back, text: eventTexts.canaryNotProven(canary.version) },
    cooldown,
  };
}

function samplesOf({ state, bundle }: RolloutInputs): number {
  return state.tuners[bundle.digest]?.samples ?? 0;
}
