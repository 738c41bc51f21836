import type { ConnectionOptions as NodeTlsOptions } from 'node:tls';
import {
  type Clock,
  checkPlainText,
  LiveFiles,
  type Logger,
  parseNatsServers,
  systemClock,
  type WatchedFile,
} from '@offramp/runtime';
import type { ConnectionOptions, TlsOptions } from 'nats';
import { credentialWarnings } from '../identity/credential-warnings.js';
import { readOwnCertificate, readTrust, type TlsCredentials } from '../identity/tls-credentials.js';
import { maxAuthoritiesBytes, maxCertificateBytes, requireBoth } from '../identity/tls-options.js';
import type { BusConfig } from './bus-options.js';
import { type Login, type LoginFile, loginFile, loginWarnings } from './login-files.js';
import { hostOf, identityCheck } from './server-identity.js';

/** The newest content of a program's files. */
interface Credentials extends TlsCredentials {
  login: Login | null;
}

/** Where NATS is, and how a program proves there who it is and knows the servers: with the newest content of its files. */
export class BusAccess {
  /** Without credentials. */
  readonly servers: readonly string[];

  private constructor(
    private readonly url: string,
    private readonly files: LiveFiles<Credentials> | null,
  ) {
    this.servers = parseNatsServers(url).servers;
  }

  /** Access without files. */
  static to(url: string): BusAccess {
    return new BusAccess(url, null);
  }

  /**
   * Reads the files of a program's options for NATS, and follows them until {@link close}.
   * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`, `CREDENTIALS_INVALID`, `SECRET_EXPOSED`
   */
  static async open(config: BusConfig, logger: Logger, clock: Clock = systemClock): Promise<BusAccess> {
    const { servers } = parseNatsServers(config.nats);
    const { natsCert, natsKey, natsCa } = config;
    requireBoth('--nats-cert', natsCert, '--nats-key', natsKey);
    requireBoth('--nats-key', natsKey, '--nats-cert', natsCert);
    const demandsTls = natsCa !== undefined || natsCert !== undefined || servers.some(namesTls);
    if (!demandsTls) {
      checkPlainText(
        {
          ...{ option: '--nats', hosts: servers.map(hostOf), insecure: config.insecure },
          hint: 'Name the server with tls://, and the authority of its certificate with --nats-ca.',
        },
        logger,
      );
    }
    return new BusAccess(config.nats, await openFiles(config, loginFile(config), clock, logger));
  }

  /** Options for nats.js, which reads them each time that it connects. */
  connectionOptions(): Pick<
    ConnectionOptions,
    'servers' | 'user' | 'pass' | 'token' | 'authenticator' | 'tls'
  > {
    const { files } = this;
    return {
      servers: [...this.servers],
      ...parseNatsServers(this.url).credentials,
      ...(files?.value.login ? { authenticator: (nonce) => files.value.login?.authenticate(nonce) } : {}),
      ...this.tls(),
    };
  }

  get demandsTls(): boolean {
    const { own = null, trust = null } = this.files?.value ?? {};
    return own !== null || trust !== null || this.servers.some(namesTls);
  }

  close(): void {
    this.files?.close();
  }

  /** nats.js ignores the scheme, and demands TLS if there are options for it. */
  private tls(): Pick<ConnectionOptions, 'tls'> {
    const { files, servers } = this;
    if (!this.demandsTls) return {};
    const tls: NodeTlsOptions = {
      checkServerIdentity: identityCheck(servers),
      get ca() {
        return files?.value.trust?.pem;
      },
      get cert() {
        return files?.value.own?.chain;
      },
      get key() {
        return files?.value.own?.key;
      },
    };
    // nats.js passes all options on to Node.js, but its types name few.
    return { tls: tls as TlsOptions };
  }
}

/** For programs that can do without NATS. @returns `null` for the servers `none` */
export async function openOptionalBus(
  config: BusConfig,
  logger: Logger,
  clock: Clock,
): Promise<BusAccess | null> {
  return config.nats === 'none' ? null : BusAccess.open(config, logger, clock);
}

const namesTls = (server: string) => /^tls:/i.test(server);

async function openFiles(
  { natsCert, natsKey, natsCa }: BusConfig,
  login: LoginFile | null,
  clock: Clock,
  logger: Logger,
): Promise<LiveFiles<Credentials> | null> {
  const watched: (WatchedFile | null)[] = [
    login,
    fileOf(natsCert, maxCertificateBytes),
    fileOf(natsKey, maxCertificateBytes, true),
    fileOf(natsCa, maxAuthoritiesBytes),
  ];
  const files = watched.filter((file) => file !== null);
  if (files.length === 0) return null;
  const make = async (contents: readonly Buffer[]): Promise<Credentials> => {
    const rest = [...contents];
    const [said, cert, key, ca] = watched.map((file) => {
      const content = file && rest.shift();
      return content ? { path: file.path, content } : null;
    });
    return {
      login: said && login ? login.read(said.content) : null,
      own: cert && key ? readOwnCertificate(cert, key, Date.now()) : null,
      trust: ca ? await readTrust(ca, null) : null,
    };
  };
  const warnings = (credentials: Credentials) => [
    ...credentialWarnings(credentials, Date.now()),
    ...loginWarnings(credentials.login, Date.now()),
  ];
  return LiveFiles.open(files, { make, warnings }, clock, logger);
}

const fileOf = (path: string | undefined, maxBytes: number, secret = false): WatchedFile | null =>
  path === undefined ? null : { path, maxBytes, secret };
