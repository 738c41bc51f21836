import { OfframpError, shortDigest } from '@offramp/runtime';
import { countText } from '../text/count-text.js';
import { namesText } from '../text/names-text.js';

/** The facts about a device that say which bundle it runs. */
export interface BundleDevice {
  device: string;
  online: boolean;
  /** In hexadecimal. */
  bundleDigest: string;
}

/** A bundle of a group, and the devices that run it. */
export interface BundleInUse<D extends BundleDevice = BundleDevice> {
  digest: string;
  devices: D[];
}

/** Stands for every bundle with the policy's number of branches. */
export const anyBundle = 'any';
const digestLength = 64;

/** The bundles that a group's online devices run (all devices, if none is online). The most used one comes first. */
export function bundlesInUse<D extends BundleDevice>(devices: Iterable<D>): BundleInUse<D>[] {
  const all = [...devices];
  const online = all.filter((device) => device.online);
  const found = new Map<string, D[]>();
  for (const device of online.length > 0 ? online : all) {
    const same = found.get(device.bundleDigest);
    if (same) same.push(device);
    else found.set(device.bundleDigest, [device]);
  }
  return Array.from(found, ([digest, running]) => ({ digest, devices: running })).sort(
    (a, b) => b.devices.length - a.devices.length || (a.digest < b.digest ? -1 : 1),
  );
}

/**
 * The bundle that an operator means.
 * @param asked digest or its first digits; {@link anyBundle}; `null`: the most used bundle
 * @param bundles from {@link bundlesInUse}
 * @returns digest in hexadecimal; `null`: any bundle
 * @throws OfframpError `POLICY_INVALID` if no device runs it, or if the digits do not identify one bundle
 */
export function chooseBundle(
  group: string,
  asked: string | null,
  bundles: readonly BundleInUse[],
): string | null {
  if (asked === anyBundle) return null;
  if (asked === null) return bundles[0]?.digest ?? null;
  if (bundles.length === 0 && asked.length === digestLength) return asked;
  const [chosen, other] = bundles.filter(({ digest }) => digest.startsWith(asked));
  if (chosen && !other) return chosen.digest;
  throw new OfframpError(
    'POLICY_INVALID',
    bundles.length === 0
      ? `group ${group} has no devices yet; expected all ${digestLength} digits of a bundle's digest, found ${asked.length}`
      : `expected a bundle that devices of group ${group} run: ${bundlesText(bundles)}; found ${chosen ? `digits of several, ${asked}` : shortDigest(asked)}`,
    { hint: 'Name one of these bundles, or give the devices that bundle first.' },
  );
}

/** `abcdef012345 (2 devices: cam-1, cam-2), fedcba987654 (1 device: cam-3)` */
export function bundlesText(bundles: readonly BundleInUse[]): string {
  return bundles
    .map(({ digest, devices }) => {
      const names = namesText(devices.map(({ device }) => device));
      return `${shortDigest(digest)} (${countText(devices.length)} ${devices.length === 1 ? 'device' : 'devices'}: ${names})`;
    })
    .join(', ');
}
