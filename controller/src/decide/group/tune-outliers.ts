import { sameThresholds } from '../candidates/threshold-path.js';
import { type GroupState, modeOf, type OutlierDevice } from '../model/group-state.js';
import { type GroupDecision, withState } from './group-decision.js';
import { deviceWindows, samplesSinceChange, type TuningContext, tuneWith } from './tune-with.js';

/** @returns `urgent`: a device's thresholds must rise, without waiting for a canary */
export function tuneOutliers(
  decision: GroupDecision,
  context: TuningContext,
): { decision: GroupDecision; urgent: boolean } {
  const { state } = decision;
  if (state.outliers.length === 0) return { decision, urgent: false };
  const tuned = state.outliers.map((outlier) => tuneOutlier(outlier, state, context));
  return {
    decision: withState(decision, { outliers: tuned.map(({ outlier }) => outlier) }),
    urgent: tuned.some(({ urgent }) => urgent),
  };
}

function tuneOutlier(
  outlier: OutlierDevice,
  state: GroupState,
  context: TuningContext,
): { outlier: OutlierDevice; urgent: boolean } {
  const { inputs, bundle } = context;
  const windows = deviceWindows(state, inputs, bundle, outlier.device);
  if (windows.length === 0 && outlier.tuner.samples > 0) return { outlier, urgent: false };
  const { state: tuner, decision } = tuneWith(context, state, outlier.tuner, outlier, windows);
  const { thresholds, auditRate } = decision;
  const lowers = bundle.path.positionOf(thresholds) > bundle.path.positionOf(outlier.thresholds);
  const mayChange = modeOf(state) === 'auto' && (!lowers || !state.canary);
  if (!mayChange) {
    const kept = { ...tuner, samplesSinceChange: samplesSinceChange(outlier.tuner, tuner) };
    return { outlier: { ...outlier, tuner: kept }, urgent: false };
  }
  const inForce = state.policy?.exceptions.find(({ device }) => device === outlier.device);
  const isInForce = inForce !== undefined && sameThresholds(inForce.thresholds, thresholds);
  return { outlier: { ...outlier, thresholds, auditRate, tuner }, urgent: !lowers && !isInForce };
}
