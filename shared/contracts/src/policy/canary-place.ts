import { createHash } from 'node:crypto';

/**
 * Where a device stands in the order in which a group's devices take up a policy, in [0, 2³²): `Canary.below` says how far
 * it has come. Another order for each policy, so that no device is always the first.
 */
export function canaryPlace(group: string, version: number, device: string): number {
  return createHash('sha256').update(`${group}/${version}/${device}`).digest().readUInt32BE(0);
}
