import type { ExitFacts } from '../model/goals.js';
import type { GroupInputs, TunableBundle } from '../model/group-inputs.js';
import type { GroupState } from '../model/group-state.js';
import { tune } from '../tuner/tune.js';
import type { TunerState } from '../tuner/tuner-state.js';
import type { TuningDecision } from '../tuner/tuning-decision.js';
import type { ThresholdsInForce } from './policies-in-force.js';
import { type PolicyWindow, policyWindows } from './policy-windows.js';

/** The common inputs of all tuners in one step. */
export interface TuningContext {
  inputs: GroupInputs;
  bundle: TunableBundle;
  facts: ExitFacts;
}

export function tuneWith(
  { inputs, bundle, facts }: TuningContext,
  { goals }: Pick<GroupState, 'goals'>,
  tuner: TunerState,
  policy: ThresholdsInForce,
  windows: readonly PolicyWindow[],
): { state: TunerState; decision: TuningDecision } {
  const { path, table } = bundle;
  const { workerUtilisation } = inputs;
  return tune({ path, table, goals, facts, policy, workerUtilisation }, tuner, windows);
}

/** New evidence of the group without its outliers. */
export function groupWindows(
  { outliers, known }: Pick<GroupState, 'outliers' | 'known'>,
  { evidence }: Pick<GroupInputs, 'evidence'>,
  bundle: TunableBundle,
): PolicyWindow[] {
  const names = new Set(outliers.map(({ device }) => device));
  const parts = evidence.parts.filter(({ device }) => !names.has(device));
  return policyWindows(parts, bundle, known);
}

/** New evidence of one outlier. */
export function deviceWindows(
  { known }: Pick<GroupState, 'known'>,
  { evidence }: Pick<GroupInputs, 'evidence'>,
  bundle: TunableBundle,
  device: string,
): PolicyWindow[] {
  const parts = evidence.parts.filter((part) => part.device === device);
  return policyWindows(parts, bundle, known, device);
}

/** Samples since thresholds last changed, if a step keeps them. */
export function samplesSinceChange(before: TunerState, after: TunerState): number {
  return before.samplesSinceChange + Math.max(0, after.samples - before.samples);
}
