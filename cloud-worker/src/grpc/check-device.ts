import { X509Certificate } from 'node:crypto';
import type { ServerUnaryCall } from '@grpc/grpc-js';
import { formatIdentity, identityOf } from '@offramp/contracts';
import { type LiveFiles, OfframpError } from '@offramp/runtime';
import type { WorkerCredentials } from '../tls/worker-tls.js';

/** Why a call may not send samples; `null` if it may: where clients show who they are, only devices do. */
export function checkDevice(
  call: Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>,
  credentials: LiveFiles<WorkerCredentials> | null,
): OfframpError | null {
  if (!credentials?.value.mutual) return null;
  const certificate = call.getAuthContext().sslPeerCertificate;
  const identity = certificate ? identityOf(new X509Certificate(certificate.raw)) : null;
  if (identity?.role === 'device') return null;
  return new OfframpError(
    'FORBIDDEN',
    `expected the certificate of a device; found that of ${identity ? formatIdentity(identity) : 'nobody'}`,
  );
}
