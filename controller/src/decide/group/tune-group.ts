import { latencyTargetOf } from '../model/goals.js';
import { tunerOf, withTuner } from '../model/group-state.js';
import { addToCanary } from '../rollout/canary.js';
import { eventTexts } from '../text/event-texts.js';
import type { TunerState } from '../tuner/tuner-state.js';
import type { TuningDecision } from '../tuner/tuning-decision.js';
import { type GroupDecision, withEvent, withState } from './group-decision.js';
import { suspects, withoutLatestWindows } from './outlier-devices.js';
import { currentThresholds } from './policies-in-force.js';
import type { PolicyWindow } from './policy-windows.js';
import { addOutliers } from './reassign-outliers.js';
import { groupWindows, samplesSinceChange, type TuningContext, tuneWith } from './tune-with.js';

interface TunedGroup {
  decision: GroupDecision;
  /** The evidence used for tuning. */
  windows: readonly PolicyWindow[];
  tuner: TunerState;
  tuning: TuningDecision;
}

/**
 * @param windows new evidence of the group
 * @param hasNewOutliers devices have become outliers in this step
 */
export function tuneGroup(
  decision: GroupDecision,
  context: TuningContext,
  windows: readonly PolicyWindow[],
  hasNewOutliers: boolean,
): { decision: GroupDecision; tuning: TuningDecision } {
  const before = tunerOf(decision.state, context.bundle.digest);
  const all = tuneAll(decision, context, before, windows);
  const tuned = (all.tuning.drift && !hasNewOutliers && tuneWithoutSuspects(all, context, before)) || all;
  return { decision: keep(tuned, context, before), tuning: tuned.tuning };
}

function tuneAll(
  decision: GroupDecision,
  context: TuningContext,
  before: TunerState,
  windows: readonly PolicyWindow[],
): TunedGroup {
  const { state } = decision;
  const policy = currentThresholds(state, context.bundle);
  const tuned = tuneWith(context, state, before, policy, windows);
  return { decision, windows, tuner: tuned.state, tuning: tuned.decision };
}

/**
 * If a few devices alone explain a group's drift, makes them outliers and tunes the group without them.
 * @returns `null` if there are no such devices, or if the group drifts without them, too
 */
function tuneWithoutSuspects(
  { decision }: TunedGroup,
  context: TuningContext,
  before: TunerState,
): TunedGroup | null {
  const { inputs, bundle } = context;
  const found = suspects(decision.state.outliers, inputs, bundle.thresholds.length);
  if (found.length === 0) return null;
  const without = addOutliers(decision, inputs, bundle, found);
  const windows = groupWindows(without.state, inputs, bundle);
  const once = tuneAll(without, context, before, windows);
  if (once.tuning.drift?.kind !== 'confidence') return once.tuning.drift ? null : once;
  // Earlier windows include the suspects, too.
  const cleared = withoutLatestWindows(before, once.tuning.drift.samples);
  const again = tuneAll(without, context, cleared, windows);
  return again.tuning.drift ? null : again;
}

function keep(
  { decision, windows, tuner, tuning }: TunedGroup,
  { inputs, bundle }: TuningContext,
  before: TunerState,
): GroupDecision {
  const { changed, ...kept } = tuning;
  const { state } = decision;
  // Samples keep accumulating until a rollout changes thresholds.
  const sinceChange = tuning.drift ? tuner.samplesSinceChange : samplesSinceChange(before, tuner);
  const tuned = withState(watchCanary(decision, windows), {
    tuners: withTuner(state, bundle.digest, { ...tuner, samplesSinceChange: sinceChange }),
    decision: kept,
    cooldown: tuning.drift ? null : state.cooldown,
  });
  if (!tuning.drift) return tuned;
  return withEvent(tuned, inputs, {
    ...{ kind: 'drift', severity: 'warning', text: eventTexts.drift(tuning.drift), facts: tuning.facts },
  });
}

function watchCanary(decision: GroupDecision, windows: readonly PolicyWindow[]): GroupDecision {
  const { canary, goals } = decision.state;
  if (!canary) return decision;
  const tried = windows.filter(({ policyVersion }) => policyVersion === canary.version);
  const others = windows.filter(({ policyVersion }) => policyVersion !== canary.version);
  return withState(decision, { canary: addToCanary(canary, tried, others, latencyTargetOf(goals)) });
}
