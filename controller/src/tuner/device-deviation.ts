import { sumCounts } from './confidence-drift.js';
import { compareHistograms } from './histogram-change.js';

/** A device's samples by the first branch's confidence, over the same stretch of time for all devices of a group. */
export interface DeviceHistogram {
  device: string;
  histogram: readonly number[];
}

export interface DeviceDeviation {
  device: string;
  /** Total variation distance to the group without those that deviate, in [0, 1]. */
  distance: number;
}

/** Odds of a device's deviating, after those of a group's size are taken off: e^7, a thousand to one. */
const certainLogOdds = 7;
/** Devices see different things; below this, what they see is the group's. */
const leastDistance = 0.15;
/** Where more deviate, they are the group. */
const mostDeviating = 0.3;

/**
 * The devices whose traffic provably is not the group's, from the most deviating on. Their evidence must not
 * move the group's thresholds, which would suit neither. Each is compared with all others that do not deviate,
 * the most different one first, so that one broken camera makes nobody else look strange.
 * @returns none where so many deviate that there is no group to deviate from: it has moved as a whole, or is no group
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
