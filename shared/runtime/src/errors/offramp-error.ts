import type { ErrorCode } from './catalogue.js';
import { readableText, shortText } from './readable-text.js';
import { redactUrls } from './redact-urls.js';

export interface OfframpErrorOptions {
  /** What the person can do about it, more precisely than the catalogue says. */
  hint?: string;
  cause?: unknown;
  /** With `OVERLOADED` and `STOPPING`: when to try again, in milliseconds. */
  retryAfterMs?: number;
}

/**
 * An error with a stable code, a message that names what was expected and found, and a hint. In both, credentials in URLs
 * are redacted, and nothing acts on a terminal.
 */
export class OfframpError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: OfframpErrorOptions = {}) {
    super(told(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OfframpError';
    this.code = code;
    this.hint = options.hint === undefined ? undefined : told(options.hint);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Texts from outside may be of any length. */
const maxMessageLength = 4_000;

const told = (text: string) => readableText(shortText(redactUrls(text), maxMessageLength));

export function isOfframpError(error: unknown): error is OfframpError {
  // By name too: two copies of this package may meet in one process.
  return error instanceof OfframpError || (error instanceof Error && error.name === 'OfframpError');
}

/** Gives any thrown value a code: `INTERNAL` unless it has one. */
export function toOfframpError(error: unknown): OfframpError {
  return isOfframpError(error) ? error : new OfframpError('INTERNAL', messageOf(error), { cause: error });
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node.js system error such as `ENOENT`, if it is one. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
