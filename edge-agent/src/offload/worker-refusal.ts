import { grpcStatusOf, type RefusalMessage } from '@offramp/contracts';
import type { ErrorCode } from '@offramp/runtime';

const maxPauseMs = 60_000;

/** Whether a worker refused for the reason that the error code names. */
export const refusedWith = (code: ErrorCode, refusal: RefusalMessage) => refusal.code === grpcStatusOf(code);

/** How long a refusal asks the device to wait, in milliseconds, up to a minute. */
export const pauseOf = ({ retryAfterMs }: RefusalMessage) => Math.min(retryAfterMs, maxPauseMs);
