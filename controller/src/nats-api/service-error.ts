import {
  describeError,
  errorCodes,
  isOfframpError,
  messageOf,
  OfframpError,
  redactUrls,
} from '@offramp/runtime';
import { headers, type Msg, type MsgHdrs, ServiceError, type ServiceMsg } from 'nats';

/** Headers besides the two that every NATS service sets on an error. */
const codeHeader = 'Offramp-Error-Code';
const hintHeader = 'Offramp-Error-Hint';

/** Answers a request with an error, with the HTTP status of its code, so that {@link readServiceError} restores the same error. */
export function respondWithError(message: ServiceMsg, error: unknown): void {
  const code = isOfframpError(error) ? error.code : 'INTERNAL';
  const extra: MsgHdrs = headers();
  extra.set(codeHeader, code);
  if (isOfframpError(error) && error.hint) extra.set(hintHeader, oneLine(error.hint));
  message.respondError(describeError(code).httpStatus, oneLine(redactUrls(messageOf(error))), undefined, {
    headers: extra,
  });
}

/** The error in a reply; `null` if it has an answer. */
export function readServiceError(reply: Msg): OfframpError | null {
  const problem = ServiceError.toServiceError(reply);
  if (!problem) return null;
  const told = reply.headers?.get(codeHeader);
  const code = errorCodes.find((known) => known === told) ?? 'INTERNAL';
  const hint = reply.headers?.get(hintHeader);
  return new OfframpError(code, problem.message, hint ? { hint } : {});
}

const oneLine = (text: string) => text.replace(/\p{Cc}+/gu, ' ');
