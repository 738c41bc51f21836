import 'reflect-metadata';
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { expect, test } from 'vitest';
import { createKey, createRequest, readRequest } from './keys.js';

const file = 'device.csr';

async function requestWith(algorithm: webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams) {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const signingAlgorithm = { ...algorithm, hash: 'SHA-256' };
  return (await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm })).toString('pem');
}

const rsa = (modulusLength: number) => ({
  ...{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength },
  publicExponent: new Uint8Array([1, 0, 1]),
});

test('a request has the public key of the key that it was made for', async () => {
  const key = await createKey();
  const found = await readRequest(await createRequest(key), file);
  expect(found.equals(createPublicKey(createPrivateKey(key)))).toBe(true);
});

test('requests of other programs are read, with strong keys', async () => {
  for (const algorithm of [{ name: 'ECDSA', namedCurve: 'P-384' }, rsa(2_048)]) {
    expect((await readRequest(await requestWith(algorithm), file)).type).toBe('public');
  }
});

test.each<[string, () => Promise<string>, RegExp]>([
  ['nothing', async () => '', /found none/],
  ['a key', createKey, /found none/],
  ['another kind of key', () => requestWith({ name: 'ECDSA', namedCurve: 'P-521' }), /another kind of key/],
  ['a weak key', () => requestWith(rsa(1_024)), /another kind of key/],
  [
    'other bytes',
    async () => '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
    /malformed/,
  ],
  [
    'a signature by another key',
    async () => {
      const raw = Buffer.from(new Pkcs10CertificateRequest(await createRequest(await createKey())).rawData);
      const other = Buffer.from(new Pkcs10CertificateRequest(await createRequest(await createKey())).rawData);
      const key = (bytes: Buffer) => bytes.indexOf(Buffer.from('034200', 'hex')) + 3;
      other.copy(raw, key(raw), key(other), key(other) + 65);
      return `-----BEGIN CERTIFICATE REQUEST-----\n${raw.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    },
    /signature is not by its key/,
  ],
])('%s is refused', async (_, make, message) => {
  await expect(readRequest(await make(), file)).rejects.toMatchObject({
    code: 'CREDENTIALS_INVALID',
    message: expect.stringMatching(message),
  });
});
