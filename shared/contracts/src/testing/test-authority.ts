import { createPublicKey, X509Certificate } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createKey, Issuer } from '../issuing/index.js';

const hourMs = 3_600_000;

export interface TestCertificateOptions {
  /** Its URIs; default: none. */
  uris?: readonly string[];
  /** Names and IP addresses of machines; default: none. */
  hosts?: readonly string[];
  /** Milliseconds from now until it expires; default: an hour. */
  validMs?: number;
}

export interface TestCertificate {
  cert: string;
  key: string;
  serialNumber: string;
}

/** An authority that issues and revokes certificates in a folder. */
export class TestAuthority {
  private constructor(
    private readonly folder: string,
    private readonly issuer: Issuer,
  ) {}

  static async create(folder: string, name = 'CN=Test authority'): Promise<TestAuthority> {
    const nowMs = Date.now();
    const key = await createKey();
    return new TestAuthority(
      folder,
      await Issuer.create(name, 'spiffe://fleet.example', key, nowMs, nowMs + hourMs),
    );
  }

  /** In PEM form. */
  get certificate(): string {
    return this.issuer.certificate;
  }

  async issue({ uris = [], hosts = [], validMs = hourMs }: TestCertificateOptions): Promise<TestCertificate> {
    const key = await createKey();
    const nowMs = Date.now();
    const terms = { publicKey: createPublicKey(key), uris, hosts, nowMs, expiresMs: nowMs + validMs };
    const cert = await this.issuer.issue(terms);
    return { cert, key, serialNumber: new X509Certificate(cert).serialNumber };
  }

  /** Issues a certificate into `NAME.crt` and `NAME.key`. @returns the options of a program that name them */
  async write(name: string, options: TestCertificateOptions): Promise<{ tlsCert: string; tlsKey: string }> {
    const { cert, key } = await this.issue(options);
    const paths = { tlsCert: join(this.folder, `${name}.crt`), tlsKey: join(this.folder, `${name}.key`) };
    await writeFile(paths.tlsCert, cert);
    await writeFile(paths.tlsKey, key);
    await chmod(paths.tlsKey, 0o600);
    return paths;
  }

  /** A revocation list in PEM form. */
  async revoke(...serialNumbers: string[]): Promise<string> {
    const nowMs = Date.now();
    const revoked = serialNumbers.map((serialNumber) => ({ serialNumber, revokedMs: nowMs }));
    return this.issuer.revocationList(revoked, nowMs, nowMs + hourMs);
  }
}
