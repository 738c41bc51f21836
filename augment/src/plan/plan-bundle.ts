import {
  type Bundle,
  elementsOf,
  evaluateThresholds,
  exitCosts,
  type Link,
  offloadBytes,
  type PlanInput,
  stageCosts,
} from '@offramp/bundle';
import { checkThresholds } from '@offramp/contracts';
import { measureExitTimesOn } from '../report/measure-exit-times.js';

export interface PlanOptions {
  link: Link;
  /** How many times longer a stage takes on the device than on this machine. */
  deviceSlowdown: number;
  /** The same of the worker. */
  workerSlowdown: number;
  /** Whether devices may send the input. */
  sendInput: boolean;
  /** One per branch; default: the bundle's own. */
  thresholds?: readonly number[];
  /** Runs of the whole chain to measure stage times by. */
  repetitions: number;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Gathers what a plan follows from: exits' shares from the calibration table, stage times measured here, one
 * sample at a time on one core, sizes and costs from the manifest.
 * @throws OfframpError `BUNDLE_CORRUPT`, `BUNDLE_INVALID`, `INFERENCE_FAILED`, `POLICY_INVALID`
 */
export async function planBundle(bundle: Bundle, options: PlanOptions): Promise<PlanInput> {
  const { manifest } = bundle;
  const thresholds = options.thresholds ?? manifest.policy.thresholds;
  checkThresholds(thresholds, bundle.branches);
  const table = await bundle.readCalibration();
  const { exitShares } = evaluateThresholds(table, thresholds, exitCosts(manifest));
  const { onProgress } = options;
  const [times] = await measureExitTimesOn(
    bundle,
    (samples) => noise(samples * elementsOf(manifest.input.shape)),
    { batchSizes: [1], repetitions: options.repetitions, ...(onProgress ? { onProgress } : {}) },
  );
  const cumulative = times?.cpuMs ?? [];
  const stageMs = cumulative.map((ms, stage) => Math.max(0, ms - (cumulative[stage - 1] ?? 0)));
  const { request, inputRequest, answer } = offloadBytes(manifest);
  return {
    exitShares,
    deviceStageMs: stageMs.map((ms) => ms * options.deviceSlowdown),
    cloudStageMs: stageMs.map((ms) => ms * options.workerSlowdown),
    stageCosts: stageCosts(manifest),
    requestBytes: request,
    inputRequestBytes: inputRequest,
    answerBytes: answer,
    sendInput: options.sendInput,
    link: options.link,
  };
}

/** About as large as normalised pixels. */
const noise = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898));
