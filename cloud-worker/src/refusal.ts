import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import {
  type ErrorCode,
  isOfframpError,
  messageOf,
  OfframpError,
  type RefusalMessage,
} from '@offramp/shared';

/** Trailing metadata of a refused call: when to try again, in milliseconds. */
export const retryAfterKey = 'retry-after-ms';

/** A message may quote what somebody sent; it stays short all the same. */
const maxMessageLength = 500;

const statusOf: Partial<Record<ErrorCode, status>> = {
  BUNDLE_UNKNOWN: status.NOT_FOUND,
  TENSOR_INVALID: status.INVALID_ARGUMENT,
  POLICY_INVALID: status.INVALID_ARGUMENT,
  OVERLOADED: status.RESOURCE_EXHAUSTED,
  STOPPING: status.UNAVAILABLE,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
};

/** The gRPC status code of an error; `INTERNAL` for whatever is not the sender's doing. */
export function statusCodeOf(error: OfframpError): status {
  return statusOf[error.code] ?? status.INTERNAL;
}

/** Makes anything that was thrown an error with a code. */
export function toOfframpError(error: unknown): OfframpError {
  return isOfframpError(error) ? error : new OfframpError('INTERNAL', messageOf(error), { cause: error });
}

/** How a sample's refusal stands on a stream. */
export function refusalMessage(error: OfframpError): RefusalMessage {
  return {
    code: statusCodeOf(error),
    message: shorten(error.message),
    retryAfterMs: error.retryAfterMs ?? 0,
  };
}

/** How a refusal stands as the status of a call. */
export function refusalStatus(error: OfframpError): StatusObject {
  const metadata = new Metadata();
  if (error.retryAfterMs !== undefined) metadata.set(retryAfterKey, String(error.retryAfterMs));
  return { code: statusCodeOf(error), details: shorten(error.message), metadata };
}

function shorten(message: string): string {
  return message.length <= maxMessageLength ? message : `${message.slice(0, maxMessageLength - 1)}…`;
}
