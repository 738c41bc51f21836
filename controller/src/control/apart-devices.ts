import { sumCounts } from '../tuner/confidence-drift.js';
import { type DeviceDeviation, deviatingDevices } from '../tuner/device-deviation.js';
import { compareHistograms } from '../tuner/histogram-change.js';
import type { ThresholdPath } from '../tuner/threshold-path.js';
import { newTunerState, type TunerState } from '../tuner/tuner-state.js';
import type { GroupInputs } from './group-inputs.js';
import type { ApartDevice } from './group-state.js';

/** What is kept of so many devices, of 255 branches at most, fits into a message of NATS. */
const mostApart = 100;
const mostBranchesApart = 400;
/** Where the group has moved in one moment, it is not because of more devices than these, as a share of all. */
const mostSuspects = 0.1;
/** Samples that it takes to find that a device looks like its group again. */
const leastSamplesToRejoin = 50;

/** Thresholds of a device of which nothing is known: nobody leaves early, and the first audits tell more. */
export function newApartDevice({ device, distance }: DeviceDeviation, path: ThresholdPath): ApartDevice {
  const tuner = newTunerState(false);
  return { device, distance, thresholds: path.thresholdsAt(0), auditRate: 0, tuner };
}

export interface Reassignment {
  leaving: DeviceDeviation[];
  /** Devices that look like their group again. */
  rejoining: string[];
  /** Those that stay apart, with how far they are. */
  distances: ReadonlyMap<string, number>;
}

/** Who is to be tuned apart from its group, and who no longer. */
export function reassignDevices(
  apart: readonly ApartDevice[],
  inputs: Pick<GroupInputs, 'confidences'>,
  branches: number,
): Reassignment {
  const found = deviatingDevices(inputs.confidences('window'));
  const names = new Set(apart.map(({ device }) => device));
  const distances = new Map(found.map(({ device, distance }) => [device, distance]));
  const recent = inputs.confidences('recent');
  const group = sumCounts(
    recent.filter(({ device }) => !names.has(device)).map(({ histogram }) => histogram),
  );
  const rejoining = apart.filter(({ device, tuner }) => {
    const histogram = recent.find((other) => other.device === device)?.histogram;
    if (!histogram || tuner.samples < leastSamplesToRejoin || sum(group) === 0) return false;
    return compareHistograms(group, histogram).logOdds < 0;
  });
  return {
    leaving: found
      .filter(({ device }) => !names.has(device) && !looksAlike(device, recent, group))
      .slice(0, roomFor(branches) - apart.length),
    rejoining: rejoining.map(({ device }) => device),
    distances,
  };
}

/**
 * The few devices by which a group as a whole may seem to have moved; whether it does without them, is for the
 * caller to see.
 */
export function suspects(
  apart: readonly ApartDevice[],
  inputs: Pick<GroupInputs, 'confidences'>,
  branches: number,
): DeviceDeviation[] {
  const names = new Set(apart.map(({ device }) => device));
  const devices = inputs.confidences('recent').filter(({ device }) => !names.has(device));
  const found = deviatingDevices(devices);
  const most = Math.min(
    roomFor(branches) - apart.length,
    Math.max(1, Math.floor(mostSuspects * devices.length)),
  );
  return found.length <= most ? found : [];
}

/**
 * A tuner that does not look for drift in its latest windows any more, since devices are in them that do not belong to
 * the group. What else it knows, it keeps.
 * @param samples that those windows hold
 */
export function withoutLatestWindows(tuner: TunerState, samples: number): TunerState {
  let left = samples;
  let kept = tuner.windows.length;
  while (kept > 0 && left > 0) left -= sum(tuner.windows[--kept] as number[]);
  return { ...tuner, windows: tuner.windows.slice(0, kept) };
}

/** What a device did some minutes ago may differ though it no longer does. */
function looksAlike(
  device: string,
  recent: ReturnType<GroupInputs['confidences']>,
  group: readonly number[],
): boolean {
  const histogram = recent.find((other) => other.device === device)?.histogram;
  return histogram !== undefined && compareHistograms(group, histogram).logOdds < 0;
}

function roomFor(branches: number): number {
  return Math.min(mostApart, Math.floor(mostBranchesApart / Math.max(1, branches)));
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
