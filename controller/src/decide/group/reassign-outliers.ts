import type { DeviceDeviation } from '../drift/device-deviation.js';
import type { GroupInputs, TunableBundle } from '../model/group-inputs.js';
import { modeOf } from '../model/group-state.js';
import { eventTexts } from '../text/event-texts.js';
import { type GroupDecision, withEvent, withState } from './group-decision.js';
import { newOutlierDevice, reassignDevices } from './outlier-devices.js';

/**
 * Devices become outliers, or rejoin their group.
 * @returns `hasNewOutliers`: devices should receive a policy at once
 */
export function reassignOutliers(
  decision: GroupDecision,
  inputs: GroupInputs,
  bundle: TunableBundle,
): { decision: GroupDecision; hasNewOutliers: boolean } {
  if (!inputs.lookForDeviating) return { decision, hasNewOutliers: false };
  const { outliers, canary } = decision.state;
  const { leaving, rejoining, distances } = reassignDevices(outliers, inputs, bundle.thresholds.length);
  const measured = withState(decision, {
    outliers: outliers.map((one) => ({ ...one, distance: distances.get(one.device) ?? one.distance })),
  });
  // A policy's exceptions do not change under its number, so devices rejoin when a new policy can be set.
  const mayRejoin = !canary && modeOf(decision.state) === 'auto';
  const rejoined = mayRejoin
    ? rejoining.reduce((next, device) => rejoin(next, inputs, device), measured)
    : measured;
  return { decision: addOutliers(rejoined, inputs, bundle, leaving), hasNewOutliers: leaving.length > 0 };
}

/** Gives devices their own thresholds. */
export function addOutliers(
  decision: GroupDecision,
  inputs: GroupInputs,
  bundle: TunableBundle,
  deviations: readonly DeviceDeviation[],
): GroupDecision {
  return deviations.reduce((next, deviation) => {
    const outliers = [...next.state.outliers, newOutlierDevice(deviation, bundle.path)];
    return withEvent(withState(next, { outliers }), inputs, {
      ...{ kind: 'device-deviates', severity: 'warning', device: deviation.device },
      text: eventTexts.deviceDeviates(deviation),
    });
  }, decision);
}

function rejoin(decision: GroupDecision, inputs: GroupInputs, device: string): GroupDecision {
  const outliers = decision.state.outliers.filter((other) => other.device !== device);
  return withEvent(withState(decision, { outliers }), inputs, {
    ...{ kind: 'device-rejoined', device, text: eventTexts.deviceRejoined(device) },
  });
}
