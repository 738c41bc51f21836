import { messageOf, OfframpError, systemCodeOf } from '@offramp/runtime';
import { ErrorCode } from 'nats';
import { isLoginRefusal, loginRefused } from './login-refused.js';

/** What OpenSSL and Node.js find wrong with a server's certificate. */
const distrust =
  /^(CERT_|ERR_TLS_CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(GET_ISSUER|VERIFY)|INVALID_CA|HOSTNAME_)/;

/**
 * The error for an attempt to connect to NATS that failed.
 * @param servers that were tried, without credentials
 * @param secured whether TLS was demanded
 */
export function connectError(servers: readonly string[], secured: boolean, cause: unknown): OfframpError {
  const named = servers.join(', ');
  const code = systemCodeOf(cause) ?? '';
  if (isLoginRefusal(code)) return loginRefused(named, messageOf(cause), cause);
  if (code === ErrorCode.ServerOptionNotAvailable) {
    return new OfframpError(
      'NATS_WITHOUT_TLS',
      `expected TLS at ${named}; found a NATS server without it, to which no credentials were sent`,
      { hint: 'Add a `tls` block to the configuration of the server.', cause },
    );
  }
  if (distrust.test(code)) {
    return new OfframpError(
      'NATS_UNTRUSTED',
      `expected a NATS server with a certificate to trust at ${named}; found another: ${messageOf(cause)}`,
      {
        hint: 'Name the authority of its certificate with --nats-ca, and the server as its certificate does.',
        cause,
      },
    );
  }
  return new OfframpError('NATS_UNAVAILABLE', `no NATS server answers at ${named}: ${messageOf(cause)}`, {
    hint: secured
      ? 'Name another with --nats. A server that asks for a certificate says nothing to who has none that it knows: give --nats-cert and --nats-key.'
      : 'Start one with JetStream (`nats-server -js`), or name another with --nats.',
    cause,
  });
}
