import type { RefusalMessage } from '@offramp/shared';

/** gRPC status codes that refusals carry. */
export const grpcNotFound = 5;
export const grpcResourceExhausted = 8;
export const grpcUnavailable = 14;

const maxPauseMs = 60_000;

/** For how long a refusal asks to be left alone, in milliseconds; no longer than is sensible. */
export const pauseOf = (refusal: RefusalMessage | null | undefined) =>
  Math.min(refusal?.retryAfterMs ?? 0, maxPauseMs);
