import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/** What Node.js checks where nats.js gives no name, as for an IP address. */
const nameless = 'localhost';

/**
 * A check for `tls.connect` that also holds for servers that are named by IP address: their certificate must be for one
 * of the named hosts.
 * @param servers such as `tls://10.0.0.5:4222`
 * @throws TypeError `ERR_INVALID_URL`
 */
export function identityCheck(
  servers: readonly string[],
): (host: string, certificate: PeerCertificate) => Error | undefined {
  const hosts = servers.map(hostOf);
  return (host, certificate) => {
    const expected = host === nameless ? hosts : [host];
    const problems = expected.map((name) => checkServerIdentity(name, certificate));
    return problems.every((problem) => problem !== undefined) ? problems[0] : undefined;
  };
}

/** @throws TypeError `ERR_INVALID_URL` */
export function hostOf(server: string): string {
  const { hostname } = new URL(`http://${server.replace(/^[a-z0-9+.-]+:\/\//i, '')}`);
  return hostname.replace(/^\[|\]$/g, '');
}
