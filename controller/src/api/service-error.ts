import { type ErrorCode, isOfframpError, messageOf, OfframpError } from '@offramp/shared';
import { headers, type Msg, type MsgHdrs, ServiceError, type ServiceMsg } from 'nats';

/** Beside the two headers that every NATS service sets on an error. */
const codeHeader = 'Offramp-Error-Code';
const hintHeader = 'Offramp-Error-Hint';

/** What tools that know nothing of Offramp make of an error: the numbers are HTTP's. */
const statusOf: Partial<Record<ErrorCode, number>> = {
  USAGE: 400,
  CONFIG_INVALID: 400,
  POLICY_INVALID: 400,
  POLICY_CONFLICT: 409,
  OVERLOADED: 503,
  NATS_UNAVAILABLE: 503,
  JETSTREAM_UNAVAILABLE: 503,
};

/** Answers a request with an error, so that {@link readServiceError} gets the same one out of it. */
export function respondWithError(message: ServiceMsg, error: unknown): void {
  const code = isOfframpError(error) ? error.code : 'INTERNAL';
  const extra: MsgHdrs = headers();
  extra.set(codeHeader, code);
  if (isOfframpError(error) && error.hint) extra.set(hintHeader, oneLine(error.hint));
  message.respondError(statusOf[code] ?? 500, oneLine(messageOf(error)), undefined, { headers: extra });
}

/** The error that a reply carries; `null` where it carries an answer. */
export function readServiceError(reply: Msg): OfframpError | null {
  const problem = ServiceError.toServiceError(reply);
  if (!problem) return null;
  const code = (reply.headers?.get(codeHeader) || 'INTERNAL') as ErrorCode;
  const hint = reply.headers?.get(hintHeader);
  return new OfframpError(code, problem.message, hint ? { hint } : {});
}

const oneLine = (text: string) => text.replace(/\p{Cc}+/gu, ' ');
