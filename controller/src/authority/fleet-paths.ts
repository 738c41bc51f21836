import { join } from 'node:path';
import type { Identity } from '@offramp/contracts';

/** Where what is in a fleet's folder. Only `public/` is for everybody. */
export class FleetPaths {
  constructor(private readonly root: string) {}

  get authorityKey(): string {
    return join(this.root, 'authority/ca.key');
  }

  /** Folders that are closed to other users, each after the one that it is in. */
  get privateFolders(): string[] {
    return [this.root, join(this.root, 'authority'), this.allIssued, this.revoked];
  }

  get allIssued(): string {
    return join(this.root, 'authority/issued');
  }

  /** Certificates that were issued to a party: what revocation and renewal start from. */
  issued(identity: Identity): string {
    return join(this.allIssued, ...placeOf(identity));
  }

  /** One file for each revoked certificate. */
  get revoked(): string {
    return join(this.root, 'authority/revoked');
  }

  get authorityCertificate(): string {
    return join(this.root, 'public/ca.crt');
  }

  get revocationList(): string {
    return join(this.root, 'public/ca.crl');
  }

  /** What one party gets. */
  party(identity: Identity): { folder: string; certificate: string; key: string } {
    const folder = join(this.root, ...placeOf(identity));
    return { folder, certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  }
}

/** The same parts as in its SPIFFE ID. */
function placeOf(identity: Identity): string[] {
  const { role, name } = identity;
  return role === 'device' ? [role, identity.group, name] : [role, name];
}
