import { describeError, type ErrorCode } from './catalogue.js';
import { isOfframpError, messageOf } from './offramp-error.js';
import { readableText, shortText } from './readable-text.js';
import { redactUrls } from './redact-urls.js';

/** An error as an HTTP response. */
export interface HttpError {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: { error: { code: ErrorCode; message: string; hint?: string; retryAfterMs?: number } };
  /** Whether the fault lies with the server, so that it belongs in its log. */
  isFault: boolean;
}

/** The server is busy or stops; what it asked did not answer. */
const faultsOfOthers: readonly number[] = [503, 504];
/** Of an error of the HTTP framework, which may quote the request. */
const maxForeignMessageLength = 500;

/**
 * The response to a request that failed. Errors of an HTTP framework keep the status that it chose.
 * @param status instead of the one that the catalogue gives the code
 */
export function httpErrorOf(error: unknown, status = statusOf(error)): HttpError {
  const isFault = status >= 500 && !faultsOfOthers.includes(status);
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
  if (!isOfframpError(error)) {
    const code = status < 500 ? 'REQUEST_INVALID' : 'INTERNAL';
    const text = readableText(shortText(redactUrls(messageOf(error)), maxForeignMessageLength));
    return { status, headers: challenge, body: { error: { code, message: text } }, isFault };
  }
  const { code, message, hint, retryAfterMs } = error;
  const wait = retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) };
  const details = {
    ...(hint === undefined ? {} : { hint }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  return {
    ...{ status, isFault },
    headers: { ...challenge, ...wait },
    body: { error: { code, message, ...details } },
  };
}

function statusOf(error: unknown): number {
  if (isOfframpError(error)) return describeError(error.code).httpStatus;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500;
  return typeof status === 'number' ? status : 500;
}
