/** Workers are kept below this share of what they can do, so that none has to refuse. */
const busyUtilisation = 0.85;
/** Below this, they are given more again. */
const idleUtilisation = 0.7;
/** By how much, a window: less than what lies between the two, lest they go from one to the other and back. */
const recovery = 1.1;

/**
 * The share of samples that may go to the cloud, given how busy its workers are. Each group takes back in proportion
 * to what it sends, so that all of them together take back what is too much.
 * @param limit the one before, in [0, 1]; 1: none
 * @param utilisation work that comes over work that can be done, now; above 1 while queues grow
 * @param offloadShare of the group's samples, now
 */
export function nextOffloadLimit(limit: number, utilisation: number, offloadShare: number): number {
  if (utilisation > busyUtilisation) return Math.min(limit, (offloadShare * busyUtilisation) / utilisation);
  return utilisation < idleUtilisation ? Math.min(1, limit * recovery) : limit;
}
