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
 * @param named what the agent calls itself, which its certificate must confirm
 * @returns `null` where there are none
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`, `CREDENTIALS_INVALID`, `SECRET_EXPOSED`
 */
export function openDeviceCredentials(
  paths: TlsPaths,
  named: { group: string; device: string },
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
      return { trust, mutual: own && { own, identity: deviceIdentity(own, tlsCert, named) } };
    },
    clock,
    logger,
  );
}

function deviceIdentity(
  own: OwnCertificate,
  file: string,
  { group, device }: { group: string; device: string },
): Identity {
  const identity = ownIdentity(own, 'device', file);
  const expected = formatIdentity({ fleet: identity.fleet, role: 'device', group, name: device });
  const found = formatIdentity(identity);
  if (found === expected) return identity;
  throw new OfframpError(
    'CREDENTIALS_INVALID',
    `${file}: expected the certificate of ${expected}, as --group and --device say; found that of ${found}`,
    { hint: 'Give the agent the group and name that its certificate has, or another certificate.' },
  );
}

/** Time before its worker's certificate expires at which a connection should be replaced, if half of its time is not less. */
const replaceBeforeMs = 60_000;

/** TLS of one connection, from the device's side. */
export class WorkerTls {
  private peer: Peer | null = null;
  private replaceAtMs = Number.POSITIVE_INFINITY;
  private readonly own: OwnCertificate | null;

  constructor(private readonly live: LiveFiles<DeviceCredentials>) {
    this.own = live.value.mutual?.own ?? null;
  }

  /** What gRPC needs to connect with the newest certificates. */
  channelCredentials(): ChannelCredentials {
    const { trust, mutual } = this.live.value;
    const own = this.own ? { cert: this.own.chain, key: this.own.key } : {};
    const context = createSecureContext({ ca: trust.pem, ...own, minVersion: 'TLSv1.3' });
    return grpcCredentials.createFromSecureContext(context, {
      checkServerIdentity: (host, certificate) => {
        const peer = new Peer(certificate as DetailedPeerCertificate, trust.pem);
        const refusal = this.refusalOf(peer) ?? (mutual ? null : checkServerIdentity(host, certificate));
        this.peer = peer;
        this.replaceAtMs = peer.expiresMs - Math.min(replaceBeforeMs, (peer.expiresMs - Date.now()) / 2);
        return refusal ?? undefined;
      },
    });
  }

  /** What has become of the worker's certificate since the connection was made. */
  problem(): CertificateProblem | null {
    return this.peer?.problem(this.live.value.trust, Date.now()) ?? null;
  }

  /** Whether the device's certificate was renewed since, or the worker's will expire. */
  get stale(): boolean {
    const newest = this.live.value.mutual?.own;
    const renewed = newest !== undefined && !(this.own?.chain.equals(newest.chain) ?? false);
    return renewed || Date.now() >= this.replaceAtMs;
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
