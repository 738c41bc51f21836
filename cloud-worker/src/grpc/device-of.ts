import { X509Certificate } from 'node:crypto';
import type { ServerUnaryCall } from '@grpc/grpc-js';
import { formatIdentity, identityOf } from '@offramp/contracts';
import { type LiveFiles, OfframpError } from '@offramp/runtime';
import type { WorkerCredentials } from '../tls/worker-tls.js';

/**
 * The SPIFFE ID of the device that makes a call; `null` where clients do not show who they are.
 * @throws OfframpError `FORBIDDEN` for another party, which may not send samples
 */
export function deviceOf(
  call: Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>,
  credentials: LiveFiles<WorkerCredentials> | null,
): string | null {
  if (!credentials?.value.mutual) return null;
  const certificate = call.getAuthContext().sslPeerCertificate;
  const identity = certificate ? identityOf(new X509Certificate(certificate.raw)) : null;
  const found = identity ? formatIdentity(identity) : 'nobody';
  if (identity?.role === 'device') return found;
  throw new OfframpError('FORBIDDEN', `expected the certificate of a device; found that of ${found}`);
}
