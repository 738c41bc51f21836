/** Above this utilisation workers will soon have to refuse. */
const busyUtilisation = 0.85;
/** The target utilisation then. */
const wantedUtilisation = 0.8;
/** How far the limit moves towards its target in a step, and the largest factors, because measurements lag behind. */
const gain = 0.5;
const steepestFall = 0.5;
const steepestRise = 1.3;

/**
 * The share of samples that may go to the cloud, given the workers' load. Each group reduces its offloads in proportion
 * to what it sends, so that all groups together remove the excess before workers refuse.
 * @param limit the previous limit, in [0, 1]; 1: none
 * @param utilisation current offered work over capacity; above 1 while queues grow
 * @param offloadShare current share of the group's samples
 */
export function nextOffloadLimit(limit: number, utilisation: number, offloadShare: number): number {
  if (limit === 1 && utilisation <= busyUtilisation) return 1;
  const from = limit === 1 ? offloadShare : limit;
  const wanted =
    utilisation > 0 ? (offloadShare * wantedUtilisation) / utilisation : Number.POSITIVE_INFINITY;
  const next = from + gain * (wanted - from);
  return Math.min(1, Math.max(from * steepestFall, Math.min(from * steepestRise, next)));
}
