import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { grpcStatusOf, type RefusalInit } from '@offramp/contracts';
import { type OfframpError, shortText } from '@offramp/runtime';

/** Trailing metadata of a refused call: when to try again, in milliseconds. */
export const retryAfterKey = 'retry-after-ms';

/** Messages may quote a client's input, which has any length. */
const maxMessageLength = 500;

/** The refusal of one sample on a stream. */
export function refusalMessage(error: OfframpError): RefusalInit {
  return {
    code: grpcStatusOf(error.code),
    message: shortText(error.message, maxMessageLength),
    retryAfterMs: error.retryAfterMs ?? 0,
  };
}

/** The refusal of a whole call, as its status. */
export function refusalStatus(error: OfframpError): StatusObject {
  const metadata = new Metadata();
  if (error.retryAfterMs !== undefined) metadata.set(retryAfterKey, String(error.retryAfterMs));
  return { code: grpcStatusOf(error.code), details: shortText(error.message, maxMessageLength), metadata };
}
