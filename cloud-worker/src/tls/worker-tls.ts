import {
  type Identity,
  type OwnCertificate,
  openTlsCredentials,
  ownIdentity,
  type TlsPaths,
  type Trust,
} from '@offramp/contracts';
import { type Clock, type LiveFiles, type Logger, OfframpError } from '@offramp/runtime';

/** The credentials of a worker. */
export interface WorkerCredentials {
  own: OwnCertificate;
  /** `null`: clients are not asked who they are. */
  mutual: { identity: Identity; trust: Trust } | null;
}

/**
 * Reads and follows the files of a worker's options for TLS.
 * @returns `null` where there are none
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`, `CREDENTIALS_INVALID`, `SECRET_EXPOSED`
 */
export function openWorkerCredentials(
  paths: TlsPaths,
  clock: Clock,
  logger: Logger,
): Promise<LiveFiles<WorkerCredentials> | null> {
  const { tlsCert = '' } = paths;
  return openTlsCredentials(
    paths,
    ({ own, trust }) => {
      if (!own) {
        throw new OfframpError(
          'CONFIG_INVALID',
          '--tls-cert: expected a file, because --tls-ca is given; found none',
        );
      }
      return { own, mutual: trust && { identity: ownIdentity(own, 'worker', tlsCert), trust } };
    },
    clock,
    logger,
  );
}

/** What the log says of them at the start. */
export function describeTls(credentials: LiveFiles<WorkerCredentials> | null): object {
  if (!credentials) return { tls: 'none' };
  const { own, mutual } = credentials.value;
  return {
    tls: mutual ? 'mutual' : 'clients are not asked who they are',
    certificateExpires: own.certificate.validTo,
  };
}
