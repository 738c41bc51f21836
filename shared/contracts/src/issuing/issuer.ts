import 'reflect-metadata';
import type { KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';
import { readKeyPair, signing } from './keys.js';

/** Clocks of devices may be slow by this much, in milliseconds. */
const slowMs = 3_600_000;

export interface CertificateTerms {
  publicKey: KeyObject;
  /** Whom it names. */
  uris: readonly string[];
  /** Host names and IP addresses of its owner. */
  hosts?: readonly string[];
  /** Time from which it is valid, less an hour; until when, in milliseconds since 1970. */
  nowMs: number;
  expiresMs: number;
}

export interface RevokedCertificate {
  serialNumber: string;
  revokedMs: number;
}

/** Signs certificates and revocation lists as one authority. */
export class Issuer {
  private constructor(
    /** In PEM form. */
    readonly certificate: string,
    private readonly name: string,
    private readonly keys: webcrypto.CryptoKeyPair,
  ) {}

  /** @param key in PEM form, as `createKey` makes it */
  static async open(certificate: string, key: string): Promise<Issuer> {
    const { subject } = new X509Certificate(certificate);
    return new Issuer(certificate, subject, await readKeyPair(key));
  }

  /**
   * Makes the certificate of a new authority.
   * @param name as in RFC 4514, such as `CN=name`
   * @param uri what it is the authority of
   */
  static async create(
    name: string,
    uri: string,
    key: string,
    nowMs: number,
    expiresMs: number,
  ): Promise<Issuer> {
    const keys = await readKeyPair(key);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      ...{ name, keys, signingAlgorithm: signing },
      ...{ notBefore: new Date(nowMs - slowMs), notAfter: new Date(expiresMs) },
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        new SubjectAlternativeNameExtension([{ type: 'url', value: uri }]),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new Issuer(certificate.toString('pem'), name, keys);
  }

  /** A certificate for connections in both directions, in PEM form. */
  async issue({ publicKey, uris, hosts = [], nowMs, expiresMs }: CertificateTerms): Promise<string> {
    const names: JsonGeneralName[] = [
      ...uris.map((value) => ({ type: 'url' as const, value })),
      ...hosts.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value })),
    ];
    const extensions: Extension[] = [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    ];
    if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names));
    const certificate = await X509CertificateGenerator.create({
      ...{
        issuer: this.name,
        subject: 'CN=Offramp',
        signingKey: this.keys.privateKey,
        signingAlgorithm: signing,
      },
      ...{ notBefore: new Date(nowMs - slowMs), notAfter: new Date(expiresMs), extensions },
      publicKey: publicKey.export({ format: 'der', type: 'spki' }),
    });
    return certificate.toString('pem');
  }

  /**
   * A revocation list in PEM form.
   * @param nextUpdateMs when it should be replaced, in milliseconds since 1970; without it, a list counts as empty
   */
  async revocationList(
    revoked: readonly RevokedCertificate[],
    nowMs: number,
    nextUpdateMs: number,
  ): Promise<string> {
    const list = await X509CrlGenerator.create({
      ...{ issuer: this.name, signingKey: this.keys.privateKey, signingAlgorithm: signing },
      ...{ thisUpdate: new Date(nowMs), nextUpdate: new Date(nextUpdateMs) },
      entries: revoked.map(({ serialNumber, revokedMs }) => ({
        serialNumber,
        revocationDate: new Date(revokedMs),
      })),
    });
    return list.toString('pem');
  }
}

/** Host names and IP addresses of a certificate in PEM form. */
export function hostsOf(certificate: string): string[] {
  const names =
    new X509Certificate(certificate).getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  return names.filter(({ type }) => type === 'dns' || type === 'ip').map(({ value }) => value);
}
