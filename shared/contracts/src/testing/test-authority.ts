import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface TestCertificateOptions {
  /** Its URIs; default: none. */
  uris?: readonly string[];
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
    private readonly keys: webcrypto.CryptoKeyPair,
    /** In PEM form. */
    readonly certificate: string,
    private readonly name: string,
  ) {}

  static async create(folder: string, name = 'CN=Test authority'): Promise<TestAuthority> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      ...{ name, keys, signingAlgorithm: algorithm, notBefore: new Date(Date.now() - 60_000) },
      notAfter: new Date(Date.now() + 3_600_000),
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    });
    return new TestAuthority(folder, keys, certificate.toString('pem'), name);
  }

  async issue({ uris = [], validMs = 3_600_000 }: TestCertificateOptions): Promise<TestCertificate> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await X509CertificateGenerator.create({
      ...{ issuer: this.name, signingKey: this.keys.privateKey, publicKey: keys.publicKey },
      ...{ signingAlgorithm: algorithm, notBefore: new Date(Date.now() - 60_000) },
      notAfter: new Date(Date.now() + validMs),
      extensions:
        uris.length === 0
          ? []
          : [new SubjectAlternativeNameExtension(uris.map((value) => ({ type: 'url', value })))],
    });
    const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      cert: certificate.toString('pem'),
      key: PemConverter.encode(key, 'PRIVATE KEY'),
      serialNumber: certificate.serialNumber,
    };
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
    const list = await X509CrlGenerator.create({
      ...{ issuer: this.name, signingKey: this.keys.privateKey, signingAlgorithm: algorithm },
      nextUpdate: new Date(Date.now() + 3_600_000),
      entries: serialNumbers.map((serialNumber) => ({ serialNumber })),
    });
    return list.toString('pem');
  }
}
