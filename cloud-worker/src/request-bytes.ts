import { type Bundle, elementsOf } from '@offramp/shared';

/** What a request may hold besides its tensor: digest, thresholds, shape, and what later versions add. */
const slackBytes = 64 * 2 ** 10;
const bytesPerElement = 4;

/** The most bytes of a request that bundles loaded while the worker runs may need: gRPC's own limit. */
export const laterRequestBytes = 4 * 2 ** 20;

/** Size of the largest request for this bundle that can be right. */
export function requestBytesOf({ manifest }: Bundle): number {
  return (
    Math.max(...manifest.stages.map(({ inputShape }) => elementsOf(inputShape))) * bytesPerElement +
    slackBytes
  );
}
