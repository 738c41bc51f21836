/** Workers are kept below this share of what they can do, so that none has to refuse. */
const busyUtilisation = 0.85;
/** Below this, they are given more again. */
const idleUtilisation = 0.7;
/** The limit falls and rises by no more than this at once: what is measured lags behind, and comes from several groups. */
const steepestFall = 0.5;
const steepestRise = 1.3;

/**
 * The share of samples that may go to the cloud, given how busy its workers are. Each group takes back in proportion
 * to what it sends, so that all of them together take back what is too much.
 * @param limit the one before, in [0, 1]; 1: none
 * @param utilisation work that comes over work that can be done, now; above 1 while queues grow
 * @param offloadShare of the group's samples, now
 */
export function nextOffloadLimit(limit: number, utilisation: number, offloadShare: number): number {
  if (utilisation > busyUtilisation) {
    const now = Math.min(limit, offloadShare);
    return now * Math.max(steepestFall, busyUtilisation / utilisation);
  }
  if (utilisation >= idleUtilisation || limit === 1) return limit;
  return Math.min(1, limit * Math.min(steepestRise, idleUtilisation / utilisation));
}
