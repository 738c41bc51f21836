import { OfframpError } from '@offramp/runtime';
import { ErrorCode } from 'nats';

const refusals: readonly string[] = [
  ErrorCode.AuthorizationViolation,
  ErrorCode.AuthenticationExpired,
  ErrorCode.AccountExpired,
];

/** Whether an error code of nats.js says that a server refuses the login. */
export function isLoginRefusal(code: string | undefined): boolean {
  return code !== undefined && refusals.includes(code);
}

/** @param server the address of one or several servers, without credentials */
export function loginRefused(server: string, reason: string, cause?: unknown): OfframpError {
  return new OfframpError('NATS_REFUSED', `the NATS server at ${server} refuses the login: ${reason}`, {
    hint: 'Name a file with --nats-creds, --nats-nkey, --nats-password-file or --nats-token-file whose login the server knows and that has not expired; a user and password, or a token, can also stand before the host in --nats, with an @ between and special characters percent-encoded.',
    cause,
  });
}
