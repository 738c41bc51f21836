import { createHash, type X509Certificate } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  formatIdentity,
  type Identity,
  parseIdentity,
  permissionsOf,
  serverPermissions,
} from '@offramp/contracts';
import { replaceFile } from '@offramp/runtime';
import type { FleetPaths } from './fleet-paths.js';
import { readCertificate } from './read-input.js';

/** Written once, because an operator may change it. */
const configuration = `# A NATS server for the fleet. Start it in this folder: nats-server --config nats.conf
# Change what you like; \`offramp fleet\` does not write this file again. Options: https://docs.nats.io/running-a-nats-service/configuration

server_name: offramp
listen: 0.0.0.0:4222
max_payload: 1MB

jetstream {
  store_dir: jetstream
  max_file_store: 1GB
}

# Who may log in, with which certificate, and do what. Reload the server when it has changed: nats-server --signal reload
include "access.conf"
`;

/** The part of a NATS server's configuration that follows from who belongs to the fleet. */
export class NatsAccess {
  constructor(
    private readonly fleet: string,
    private readonly paths: FleetPaths,
  ) {}

  /** Writes it for every server, again when another process has enrolled or revoked something meanwhile. */
  async publish(): Promise<void> {
    for (let written = ''; ; ) {
      const issued = await this.issued();
      const text = accessOf(this.fleet, issued);
      if (text === written) return;
      written = text;
      for (const { identity } of issued) {
        if (identity.role === 'nats') await this.write(identity, text);
      }
    }
  }

  private async write(server: Identity, text: string): Promise<void> {
    const { folder } = this.paths.party(server);
    const names: string[] = await readdir(folder).catch(() => []);
    if (!names.includes('tls.crt')) return;
    await replaceFile(join(folder, 'access.conf'), [text], 0o644);
    if (!names.includes('nats.conf')) await replaceFile(join(folder, 'nats.conf'), [configuration], 0o644);
  }

  /** Every certificate that was issued and not revoked. */
  private async issued(): Promise<Issued[]> {
    const places = await readdir(this.paths.allIssued, { recursive: true });
    const issued: Issued[] = [];
    for (const place of places.filter((name) => name.endsWith('.crt')).sort()) {
      const identity = parseIdentity(`spiffe://${this.fleet}/${dirname(place)}`);
      if (!identity) continue;
      issued.push({ identity, certificate: await readCertificate(join(this.paths.allIssued, place)) });
    }
    return issued;
  }
}

interface Issued {
  identity: Identity;
  certificate: X509Certificate;
}

/**
 * A certificate is a login: the server takes its URI for the name of a user. Keys are listed too, because a server does not
 * read revocation lists, and who was revoked can be enrolled anew.
 */
function accessOf(fleet: string, issued: readonly Issued[]): string {
  const users = new Map<string, object>();
  for (const { identity } of issued) {
    if (identity.role === 'nats') continue;
    const user = formatIdentity(identity);
    users.set(user, { user, permissions: serverPermissions(permissionsOf(identity)) });
  }
  const keys = issued.map(({ certificate }) => digestOf(certificate));
  const tls = {
    ...{ cert_file: 'tls.crt', key_file: 'tls.key', ca_file: '../../public/ca.crt', timeout: 5 },
    ...{ verify_and_map: true, pinned_certs: [...new Set(keys)].sort() },
  };
  const settings = { tls, authorization: { users: [...users.values()] } };
  return `# The fleet ${fleet}. Written by \`offramp fleet\`.\n${JSON.stringify(settings, null, 1).slice(2, -2)}\n`;
}

const digestOf = ({ publicKey }: X509Certificate) =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
