import { type Bundle, elementsOf } from '@offramp/bundle';

/** Room for the rest of a request besides its tensor: digest, thresholds, shape, and fields of later versions. */
const slackBytes = 64 * 2 ** 10;
const bytesPerElement = 4;

/** Maximum size of requests for bundles loaded while the worker runs: gRPC's own limit. */
export const laterRequestBytes = 4 * 2 ** 20;

/** Size of the largest valid request for this bundle. */
export function requestBytesOf({ manifest }: Bundle): number {
  return (
    Math.max(...manifest.stages.map(({ inputShape }) => elementsOf(inputShape))) * bytesPerElement +
    slackBytes
  );
}
