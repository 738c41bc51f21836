import 'reflect-metadata';
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from 'node:crypto';
import { messageOf, OfframpError } from '@offramp/runtime';
import { PemConverter, Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { pemBlocks } from '../identity/pem.js';

/** Of all keys and signatures that Offramp makes. */
export const signing = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

const minRsaBits = 2_048;
const maxRsaBits = 4_096;

/** A new private key, in PEM form. */
export async function createKey(): Promise<string> {
  const { privateKey } = await webcrypto.subtle.generateKey(signing, true, ['sign', 'verify']);
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY');
}

/** The two halves of a key that {@link createKey} has made. */
export async function readKeyPair(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const key = createPrivateKey(pem);
  const { subtle } = webcrypto;
  const [pkcs8, spki] = [
    key.export({ format: 'der', type: 'pkcs8' }),
    createPublicKey(key).export({ format: 'der', type: 'spki' }),
  ];
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, signing, false, ['sign']),
    publicKey: await subtle.importKey('spki', spki, signing, true, ['verify']),
  };
}

/** A request for a certificate (PKCS #10) in PEM form, which proves possession of the key. It names nobody. */
export async function createRequest(key: string): Promise<string> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    ...{ name: 'CN=Offramp', keys: await readKeyPair(key), signingAlgorithm: signing },
  });
  return request.toString('pem');
}

/**
 * The public key of a request. Everything else in it is ignored: who asks is for the authority to say.
 * @param file its name, for errors
 * @throws OfframpError `CREDENTIALS_INVALID`
 */
export async function readRequest(text: string, file: string): Promise<KeyObject> {
  const [block] = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'].flatMap((label) =>
    pemBlocks(text, label),
  );
  if (!block) throw invalid(file, 'found none');
  try {
    const request = new Pkcs10CertificateRequest(block);
    if (!(await request.verify())) throw invalid(file, 'found one whose signature is not by its key');
    const key = createPublicKey({
      key: Buffer.from(request.publicKey.rawData),
      format: 'der',
      type: 'spki',
    });
    if (!isStrong(key)) throw invalid(file, 'found one with another kind of key');
    return key;
  } catch (cause) {
    if (cause instanceof OfframpError) throw cause;
    throw invalid(file, `found a malformed one: ${messageOf(cause)}`, cause);
  }
}

function isStrong({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { namedCurve = '', modulusLength = 0 } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'ec') return ['prime256v1', 'secp384r1'].includes(namedCurve);
  return asymmetricKeyType === 'rsa' && modulusLength >= minRsaBits && modulusLength <= maxRsaBits;
}

const invalid = (file: string, found: string, cause?: unknown) =>
  new OfframpError(
    'CREDENTIALS_INVALID',
    `${file}: expected a signing request (PKCS #10) in PEM form, with a key on P-256 or P-384, or of RSA with ${minRsaBits} to ${maxRsaBits} bits; ${found}`,
    { cause },
  );
