/** Above this share of what they can do, workers will soon have to refuse. */
const busyUtilisation = 0.85;
/** Where they are kept then. */
const wantedUtilisation = 0.8;
/** How far the limit goes towards what is wanted at once, and by how much it falls or rises at most: what is measured lags behind. */
const gain = 0.5;
const steepestFall = 0.5;
const steepestRise = 1.3;

/**
 * The share of samples that may go to the cloud, given how busy its workers are. Each group takes back in proportion
 * to what it sends, so that all of them together take back what is too much, before workers refuse.
 * @param limit the one before, in [0, 1]; 1: none
 * @param utilisation work that comes over work that can be done, now; above 1 while queues grow
 * @param offloadShare of the group's samples, now
 */
export function nextOffloadLimit(limit: number, utilisation: number, offloadShare: number): number {
  if (limit === 1 && utilisation <= busyUtilisation) return 1;
  const from = limit === 1 ? offloadShare : limit;
  const wanted =
    utilisation > 0 ? (offloadShare * wantedUtilisation) / utilisation : Number.POSITIVE_INFINITY;
  const next = from + gain * (wanted - from);
  return Math.min(1, Math.max(from * steepestFall, Math.min(from * steepestRise, next)));
}
