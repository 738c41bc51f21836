export { type OffloadBytes, offloadBytes } from './offload-bytes.js';
export { type PlanOptions, planBundle } from './plan-bundle.js';
export { type Link, type PlanInput, planSplits, recommendSplit, type SplitPlan } from './split-plan.js';
