import { sumCounts } from './confidence-drift.js';
import { compareHistograms } from './histogram-change.js';

/** A device's samples by the first branch's confidence, over the same time for all devices of a group. */
export interface DeviceHistogram {
  device: string;
  histogram: readonly number[];
}

export interface DeviceDeviation {
  device: string;
  /** Total variation distance to the group without deviating devices, in [0, 1]. */
  distance: number;
}

/** Log-odds that a device deviates, minus the logarithm of the group's size: a thousand to one. */
const certainLogOdds = 7;
/** Devices differ from each other; a smaller distance is normal within a group. */
const leastDistance = 0.15;
/** If a larger share deviates, the devices have no common distribution. */
const mostDeviating = 0.3;

/**
 * The devices whose traffic provably differs from the group's, the most deviating first. Their evidence must not
 * change the group's thresholds, which would fit neither. Each is compared with all others that do not deviate,
 * the most different one first, so that one broken camera does not make others look different.
 * @returns none if too many deviate: the group has shifted as a whole, or has no common distribution
 */
export function deviatingDevices(devices: readonly DeviceHistogram[]): DeviceDeviation[] {
  const wanted = certainLogOdds + Math.log(Math.max(1, devices.length));
  const group = [...devices];
  const found: DeviceDeviation[] = [];
  while (group.length > 1) {
    const all = sumCounts(group.map(({ histogram }) => histogram));
    let most: { at: number; distance: number } | null = null;
    for (const [at, { histogram }] of group.entries()) {
      const others = all.map((count, bin) => count - (histogram[bin] ?? 0));
      const { logOdds, distance } = compareHistograms(others, histogram);
      if (logOdds < wanted || distance < leastDistance) continue;
      if (!most || distance > most.distance) most = { at, distance };
    }
    if (!most) break;
    found.push({ device: (group[most.at] as DeviceHistogram).device, distance: most.distance });
    group.splice(most.at, 1);
    if (found.length > mostDeviating * devices.length) return [];
  }
  return found;
}
