import { percentText } from '../percent-text.js';
import { thresholdText } from '../threshold-text.js';
import { sameThresholds } from '../tuner/threshold-path.js';
import type { TuningDecision } from '../tuner/tune.js';
import { type Canary, canaryFault } from './canary.js';
import type { FleetEventKind } from './fleet-control.js';
import type { TunableBundle } from './group-inputs.js';
import type { Bar, GroupState, NewEvent } from './group-state.js';

/** Thresholds that devices are to have, and how they are to get them. */
export interface Order {
  kind: FleetEventKind;
  thresholds: readonly number[];
  auditRate: number;
  /** Share of devices that try them first; `null`: all have them at once. */
  canaryShare: number | null;
  text: string;
  severity?: NewEvent['severity'];
}

export interface OrderInputs {
  state: GroupState;
  bundle: TunableBundle;
  decision: TuningDecision;
  /** Thresholds that are tried, where some are; else those that devices have. */
  current: readonly number[];
  /** Thresholds of those that try nothing. */
  stable: readonly number[];
  latencyTargetMs: number | null;
  /** Share of devices that a canary begins with. */
  canaryShare: number;
  /** Devices online. */
  online: number;
}

/**
 * What comes of a decision of the tuner: higher thresholds go to everybody, lower ones to a canary first, and what a canary tries
 * is taken back where it does harm.
 * @returns `order` `null`: thresholds stay. `bar`: what has failed, and is not tried for a while
 */
export function orderOf(inputs: OrderInputs): { order: Order | null; bar: Bar | null } {
  const { canary, bar } = inputs.state;
  return canary ? orderInCanary(inputs, canary) : { order: orderWithoutCanary(inputs), bar };
}

function orderWithoutCanary(inputs: OrderInputs): Order | null {
  const { state, bundle, decision, current } = inputs;
  const { path } = bundle;
  if (sameThresholds(decision.thresholds, current)) return null;
  const from = path.positionOf(current);
  const all = { kind: 'policy' as const, auditRate: decision.auditRate, canaryShare: null };
  if (decision.position <= from) {
    const now = nobodyLeaves(decision.thresholds)
      ? 'Every sample runs to the final exit'
      : `Thresholds ${thresholdsInWords(decision.thresholds)} for everybody`;
    const because = decision.drift ? 'since the world has moved' : 'since lower ones are not proven any more';
    const text = decision.reason === 'not-proven' || decision.drift ? `${now}, ${because}.` : `${now}.`;
    return { ...all, thresholds: decision.thresholds, text };
  }
  // Who follows bundles, or counts late answers against something else, cannot be compared with canaries.
  if (state.policy === null || state.policy.latencyTargetMs !== inputs.latencyTargetMs) return null;
  const { bar } = state;
  const barred =
    bar && samplesOf(inputs) < bar.untilSamples ? path.positionOf(bar.thresholds) : path.candidates;
  const position = Math.min(decision.position, barred - 1);
  if (position <= from) return null;
  const wanted = { thresholds: path.thresholdsAt(position), auditRate: decision.auditRate };
  const words = thresholdsInWords(wanted.thresholds);
  // What workers cannot do is refused in the meantime: there is nothing to wait for.
  const urgent = decision.reason === 'over-ceiling' && decision.choice.limitedBy === 'workers';
  if (urgent || inputs.online < 2) return { ...all, ...wanted, text: `Thresholds ${words} for everybody.` };
  const { canaryShare } = inputs;
  const text = `Thresholds ${words} go to ${percentText(canaryShare)} of devices first.`;
  return { ...wanted, kind: 'canary', canaryShare, text };
}

function orderInCanary(inputs: OrderInputs, canary: Canary): { order: Order | null; bar: Bar | null } {
  const { state, bundle, decision, current, stable } = inputs;
  const { path } = bundle;
  const { bar } = state;
  const tried = path.positionOf(current);
  const others = path.positionOf(stable);
  const { thresholds, auditRate } = decision;
  const back = {
    ...{ kind: 'rolled-back' as const, thresholds: stable, auditRate, canaryShare: null },
    severity: 'warning' as const,
  };
  if (decision.position < others) {
    const why = decision.drift ? 'the world has moved' : 'they are not proven any more';
    const what = nobodyLeaves(thresholds)
      ? 'Every sample runs to the final exit'
      : `Thresholds go up to ${thresholdsInWords(thresholds)} for everybody`;
    const text = `${what}: ${why}.`;
    return { order: { ...back, thresholds, text }, bar };
  }
  const fault = canaryFault(canary, levelOf(state));
  if (fault) {
    return {
      order: { ...back, text: `Policy ${canary.version} is taken back: ${fault}.` },
      bar: { thresholds: [...current], untilSamples: 2 * samplesOf(inputs) },
    };
  }
  if (decision.position >= tried) return { order: null, bar };
  if (decision.position > others) {
    const text = `Policy ${canary.version} is not proven any more; thresholds ${thresholdsInWords(thresholds)} are tried instead.`;
    return { order: { kind: 'canary', thresholds, auditRate, canaryShare: canary.share, text }, bar };
  }
  return {
    order: { ...back, text: `Policy ${canary.version} is taken back: it is not proven any more.` },
    bar,
  };
}

function samplesOf({ state, bundle }: OrderInputs): number {
  return state.tuners[bundle.digest]?.samples ?? 0;
}

/** The share of disagreement that the goal allows; `null`: there is no such goal. */
function levelOf({ goals }: GroupState): number | null {
  const goal = goals.find(({ kind }) => kind === 'agreement');
  return goal?.kind === 'agreement' ? 1 - goal.floor : null;
}

export function thresholdsInWords(thresholds: readonly number[]): string {
  return thresholds.map(thresholdText).join(' ');
}

function nobodyLeaves(thresholds: readonly number[]): boolean {
  return thresholds.every((threshold) => threshold > 1);
}
