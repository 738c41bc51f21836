import { checkServerIdentity, createSecureContext, type DetailedPeerCertificate } from 'node:tls';
import { type ChannelCredentials, credentials as grpcCredentials } from '@grpc/grpc-js';
import {
  type CertificateProblem,
  formatIdentity,
  type Identity,
  type OwnCertificate,
  openTlsCredentials,
  ownIdentity,
  Peer,
  type TlsPaths,
  type Trust,
} from '@offramp/contracts';
import { type Clock, type LiveFiles, type Logger, OfframpError } from '@offramp/runtime';

/** The credentials of a device. */
export interface DeviceCredentials {
  trust: Trust;
  /** `null`: the device does not say who it is, and knows workers by the name of their host. */
  mutual: { own: OwnCertificate; identity: Identity } | null;
}

/**
 * Reads and follows the files of an agent's options for TLS.
 * @returns `null` where there are none
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`, `CREDENTIALS_INVALID`, `SECRET_EXPOSED`
 */
export function openDeviceCredentials(
  paths: TlsPaths,
  clock: Clock,
  logger: Logger,
): Promise<LiveFiles<DeviceCredentials> | null> {
  const { tlsCert = '' } = paths;
  return openTlsCredentials(
    paths,
    ({ own, trust }) => {
      if (!trust) {
        throw new OfframpError(
          'CONFIG_INVALID',
          '--tls-ca: expected a file, because --tls-cert is given; found none',
        );
      }
      return { trust, mutual: own && { own, identity: ownIdentity(own, 'device', tlsCert) } };
    },
    clock,
    logger,
  );
}

/** One connection over TLS, from the device's side. */
export class WorkerConnection {
  private peer: Peer | null = null;

  constructor(private readonly live: LiveFiles<DeviceCredentials>) {}

  /** What gRPC needs to connect with the newest certificates. */
  channelCredentials(): ChannelCredentials {
    const { trust, mutual } = this.live.value;
    const own = mutual ? { cert: mutual.own.chain, key: mutual.own.key } : {};
    const context = createSecureContext({ ca: trust.pem, ...own, minVersion: 'TLSv1.3' });
    return grpcCredentials.createFromSecureContext(context, {
      checkServerIdentity: (host, certificate) => {
        const peer = new Peer(certificate as DetailedPeerCertificate, trust.pem);
        const refusal = this.refusalOf(peer) ?? (mutual ? null : checkServerIdentity(host, certificate));
        this.peer = peer;
        return refusal ?? undefined;
      },
    });
  }

  /** What has become of the worker's certificate since the connection was made. */
  problem(): CertificateProblem | null {
    return this.peer?.problem(this.live.value.trust, Date.now()) ?? null;
  }

  private refusalOf(peer: Peer): Error | null {
    const { trust, mutual } = this.live.value;
    const problem = peer.problem(trust, Date.now());
    if (problem) return new Error(`the worker's certificate is ${problem}`);
    if (!mutual) return null;
    const { fleet } = mutual.identity;
    const { identity } = peer;
    if (identity?.role === 'worker' && identity.fleet === fleet) return null;
    const found = identity ? formatIdentity(identity) : 'none of a fleet';
    return new Error(`expected the certificate of a worker of ${fleet}; found ${found}`);
  }
}
