export { type BinnedTable, binTable } from './binned-table.js';
export { sumCounts } from './confidence-drift.js';
export { type DeviceDeviation, type DeviceHistogram, deviatingDevices } from './device-deviation.js';
export type { WindowEvidence } from './evidence.js';
export { explain } from './explain.js';
export type { ExitFacts, Goal } from './goals.js';
export { ThresholdPath } from './threshold-path.js';
export {
  type Drift,
  type TunerInputs,
  type TuningDecision,
  type TuningFacts,
  type TuningReason,
  tune,
} from './tune.js';
export { newTunerState, type TunerState } from './tuner-state.js';
