import type { ThresholdPath } from '../candidates/threshold-path.js';
import { sumCounts } from '../drift/confidence-drift.js';
import { type DeviceDeviation, deviatingDevices } from '../drift/device-deviation.js';
import { compareHistograms } from '../drift/histogram-change.js';
import type { GroupInputs } from '../model/group-inputs.js';
import type { OutlierDevice } from '../model/group-state.js';
import { newTunerState, type TunerState } from '../tuner/tuner-state.js';

/** The state of this many devices, with at most 255 branches, fits into a NATS message. */
const maxOutliers = 100;
const maxOutlierBranches = 400;
/** The largest share of devices that can explain an apparent drift of the group. */
const mostSuspects = 0.1;
/** Samples needed to find that a device looks like its group again. */
const leastSamplesToRejoin = 50;

/** A device about which nothing is known: no early exits until the first audits. */
export function newOutlierDevice({ device, distance }: DeviceDeviation, path: ThresholdPath): OutlierDevice {
  const tuner = newTunerState(false);
  return { device, distance, thresholds: path.thresholdsAt(0), auditRate: 0, tuner };
}

export interface Reassignment {
  leaving: DeviceDeviation[];
  /** Devices that look like their group again. */
  rejoining: string[];
  /** Devices that stay outliers, with their distance. */
  distances: ReadonlyMap<string, number>;
}

/** Devices that become outliers, and outliers that rejoin their group. */
export function reassignDevices(
  outliers: readonly OutlierDevice[],
  inputs: Pick<GroupInputs, 'confidences'>,
  branches: number,
): Reassignment {
  const found = deviatingDevices(inputs.confidences('window'));
  const names = new Set(outliers.map(({ device }) => device));
  const distances = new Map(found.map(({ device, distance }) => [device, distance]));
  const recent = inputs.confidences('recent');
  const group = sumCounts(
    recent.filter(({ device }) => !names.has(device)).map(({ histogram }) => histogram),
  );
  const rejoining = outliers.filter(({ device, tuner }) => {
    const histogram = recent.find((other) => other.device === device)?.histogram;
    if (!histogram || tuner.samples < leastSamplesToRejoin || sum(group) === 0) return false;
    return compareHistograms(group, histogram).logOdds < 0;
  });
  return {
    leaving: found
      .filter(({ device }) => !names.has(device) && !looksAlike(device, recent, group))
      .slice(0, roomFor(branches) - outliers.length),
    rejoining: rejoining.map(({ device }) => device),
    distances,
  };
}

/**
 * The few devices that may make a group as a whole seem to have shifted. The caller checks whether the group shifts
 * without them.
 */
export function suspects(
  outliers: readonly OutlierDevice[],
  inputs: Pick<GroupInputs, 'confidences'>,
  branches: number,
): DeviceDeviation[] {
  const names = new Set(outliers.map(({ device }) => device));
  const devices = inputs.confidences('recent').filter(({ device }) => !names.has(device));
  const found = deviatingDevices(devices);
  const most = Math.min(
    roomFor(branches) - outliers.length,
    Math.max(1, Math.floor(mostSuspects * devices.length)),
  );
  return found.length <= most ? found : [];
}

/**
 * A tuner without its latest windows, which include devices that do not belong to the group. Everything else stays.
 * @param samples number of samples in those windows
 */
export function withoutLatestWindows(tuner: TunerState, samples: number): TunerState {
  let left = samples;
  let kept = tuner.windows.length;
  while (kept > 0 && left > 0) left -= sum(tuner.windows[--kept] as number[]);
  return { ...tuner, windows: tuner.windows.slice(0, kept) };
}

/** Whether a device looks like the group in its recent samples, although its longer window may differ. */
function looksAlike(
  device: string,
  recent: ReturnType<GroupInputs['confidences']>,
  group: readonly number[],
): boolean {
  const histogram = recent.find((other) => other.device === device)?.histogram;
  return histogram !== undefined && compareHistograms(group, histogram).logOdds < 0;
}

function roomFor(branches: number): number {
  return Math.min(maxOutliers, Math.floor(maxOutlierBranches / Math.max(1, branches)));
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
