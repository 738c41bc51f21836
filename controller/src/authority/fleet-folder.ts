import { createPublicKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { formatIdentity, type Identity, parseIdentity } from '@offramp/contracts';
import { createKey, hostsOf, Issuer, readRequest } from '@offramp/contracts/issuing';
import {
  isOfframpError,
  makeFolder,
  messageOf,
  OfframpError,
  readSecretFile,
  readTextFile,
  replaceFile,
  systemCodeOf,
} from '@offramp/runtime';
import { FleetPaths } from './fleet-paths.js';
import { NatsAccess } from './nats-access.js';
import { maxFileBytes, readCertificate, readInput } from './read-input.js';
import { Revocations } from './revocations.js';

/** How long an authority is valid, in milliseconds. */
const authorityMs = 3_650 * 86_400_000;
/** How long a certificate is valid, in milliseconds. It is renewed in the second half, so that a device can be away for months. */
const certificateMs = 365 * 86_400_000;

/** A certificate in a fleet's folder. */
export interface Enrolled {
  identity: Identity;
  /** Its file. */
  certificate: string;
  expires: Date;
}

/** A fleet's private authority, and what it has issued: a folder. The current time is passed in as milliseconds since 1970. */
export class FleetFolder {
  private readonly revocations: Revocations;
  private readonly natsAccess: NatsAccess;

  private constructor(
    readonly fleet: string,
    private readonly paths: FleetPaths,
    private readonly issuer: Issuer,
  ) {
    this.revocations = new Revocations(paths.revoked, paths.revocationList);
    this.natsAccess = new NatsAccess(fleet, paths);
  }

  /**
   * Makes the authority of a new fleet, and certificates for these parties. The folder appears whole or not at all.
   * @param path absent, or an empty folder
   * @throws OfframpError `ALREADY_EXISTS`, `OUTPUT_FAILED`
   */
  static async create(
    path: string,
    { fleet, parties, hosts }: { fleet: string; parties: readonly Identity[]; hosts: readonly string[] },
    nowMs: number,
  ): Promise<FleetFolder> {
    const target = resolve(path);
    const staging = `${target}.partial-${randomBytes(4).toString('hex')}`;
    try {
      await makeFolder(dirname(target));
      const issuer = await makeAuthority(staging, fleet, nowMs);
      const made = new FleetFolder(fleet, new FleetPaths(staging), issuer);
      await made.revocations.publish(issuer, nowMs);
      for (const party of parties) await made.enroll(party, { hosts }, nowMs);
      await rename(staging, target);
      return new FleetFolder(fleet, new FleetPaths(target), issuer);
    } catch (cause) {
      await rm(staging, { recursive: true, force: true });
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(systemCodeOf(cause) ?? ''))
        throw outputFailed(path, cause);
      throw new OfframpError('ALREADY_EXISTS', `${path}: expected no folder, or an empty one; found files`, {
        cause,
      });
    }
  }

  /** @throws OfframpError `FILE_NOT_FOUND`, `CREDENTIALS_INVALID`, `SECRET_EXPOSED` */
  static async open(path: string): Promise<FleetFolder> {
    const paths = new FleetPaths(resolve(path));
    const [certificate, key] = await Promise.all([
      readTextFile(paths.authorityCertificate, maxFileBytes),
      readSecretFile(paths.authorityKey, maxFileBytes),
    ]).catch((cause: unknown) => {
      if (cause instanceof OfframpError) throw cause;
      throw new OfframpError('FILE_NOT_FOUND', `${path} is not the folder of a fleet: ${messageOf(cause)}`, {
        hint: 'Make one with `offramp fleet init`.',
        cause,
      });
    });
    try {
      const fleet = /^URI:spiffe:\/\/([^/,]+)$/.exec(
        new X509Certificate(certificate).subjectAltName ?? '',
      )?.[1];
      if (fleet === undefined) throw new Error('it names no fleet');
      return new FleetFolder(fleet, paths, await Issuer.open(certificate, key.toString()));
    } catch (cause) {
      throw new OfframpError(
        'CREDENTIALS_INVALID',
        `${paths.authorityCertificate}: expected the certificate of a fleet's authority, with its key beside; ${messageOf(cause)}`,
        { cause },
      );
    }
  }

  /**
   * Issues the first certificate of a party, with which it may log in to NATS from the next reload of the server on.
   * @param request file with a signing request of its own key; without one, a key is made here
   * @throws OfframpError `ALREADY_EXISTS`, `CONFIG_INVALID`, `CREDENTIALS_INVALID`, `FILE_NOT_FOUND`, `OUTPUT_FAILED`
   */
  async enroll(
    identity: Identity,
    options: { request?: string | undefined; hosts?: readonly string[] | undefined },
    nowMs: number,
  ): Promise<Enrolled> {
    const id = formatIdentity(identity);
    const { folder, certificate, key } = this.paths.party(identity);
    const { request, hosts = [] } = options;
    const asked = request === undefined ? null : await readRequest(await readInput(request), request);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if ((await readdir(folder)).includes(basename(certificate))) {
        throw new OfframpError('ALREADY_EXISTS', `${id} is enrolled: there is ${certificate}`, {
          hint: 'Renew it with `offramp fleet renew`, or take it back first with `offramp fleet revoke`.',
        });
      }
      const made = asked ? null : await createKey();
      if (made !== null) await replaceFile(key, [made], 0o600);
      const publicKey = asked ?? createPublicKey(made ?? '');
      const expires = await this.issue(identity, publicKey, hosts, nowMs);
      await this.natsAccess.publish();
      return { identity, certificate, expires };
    } catch (cause) {
      throw outputFailed(folder, cause);
    }
  }

  /**
   * Issues new certificates, for the same keys, in place of those in the second half of their time, and a new revocation list.
   * @throws OfframpError `CREDENTIALS_INVALID`, `OUTPUT_FAILED`
   */
  async renew(nowMs: number): Promise<Enrolled[]> {
    const renewed: Enrolled[] = [];
    try {
      for (const identity of await this.parties()) {
        const { certificate } = this.paths.party(identity);
        const old = await readCertificate(certificate);
        const [fromMs, toMs] = [Date.parse(old.validFrom), Date.parse(old.validTo)];
        if (nowMs < (fromMs + toMs) / 2) continue;
        const expires = await this.issue(identity, old.publicKey, hostsOf(old.toString()), nowMs);
        renewed.push({ identity, certificate, expires });
      }
      await this.revocations.publish(this.issuer, nowMs);
    } catch (cause) {
      throw outputFailed(this.paths.authorityCertificate, cause);
    }
    return renewed;
  }

  /**
   * Takes back every certificate of a party, and removes what is here of it. It can be enrolled anew afterwards.
   * @returns the number of certificates
   * @throws OfframpError `NOT_FOUND`, `CREDENTIALS_INVALID`, `OUTPUT_FAILED`
   */
  async revoke(identity: Identity, nowMs: number): Promise<number> {
    const issued = this.paths.issued(identity);
    const names = await readdir(issued).catch(() => []);
    if (names.length === 0) {
      throw new OfframpError('NOT_FOUND', `${formatIdentity(identity)} has no certificate of this fleet`);
    }
    try {
      let count = 0;
      for (const name of names) {
        const { serialNumber, validTo } = await readCertificate(join(issued, name));
        await this.revocations.add(serialNumber, { revokedMs: nowMs, expiresMs: Date.parse(validTo) });
        count++;
      }
      await this.revocations.publish(this.issuer, nowMs);
      await rm(this.paths.party(identity).folder, { recursive: true, force: true });
      await rm(issued, { recursive: true, force: true });
      await this.natsAccess.publish();
      return count;
    } catch (cause) {
      throw outputFailed(issued, cause);
    }
  }

  /** A certificate is recorded before anybody has it, so that it can be revoked. @returns when it expires */
  private async issue(
    identity: Identity,
    publicKey: KeyObject,
    hosts: readonly string[],
    nowMs: number,
  ): Promise<Date> {
    const expiresMs = nowMs + certificateMs;
    const uris = [formatIdentity(identity)];
    const certificate = await this.issuer.issue({ publicKey, uris, hosts, nowMs, expiresMs });
    const { serialNumber, validTo } = new X509Certificate(certificate);
    const issued = this.paths.issued(identity);
    await mkdir(issued, { recursive: true, mode: 0o700 });
    await replaceFile(join(issued, `${serialNumber}.crt`), [certificate], 0o600);
    await replaceFile(this.paths.party(identity).certificate, [certificate], 0o644);
    return new Date(validTo);
  }

  /** Everyone with a certificate here. */
  private async parties(): Promise<Identity[]> {
    const places = await readdir(this.paths.allIssued, { recursive: true });
    const ids = places.flatMap((place) => parseIdentity(`spiffe://${this.fleet}/${place}`) ?? []);
    const found: Identity[] = [];
    for (const identity of ids) {
      const names: string[] = await readdir(this.paths.party(identity).folder).catch(() => []);
      if (names.includes('tls.crt')) found.push(identity);
    }
    return found;
  }
}

async function makeAuthority(root: string, fleet: string, nowMs: number): Promise<Issuer> {
  const paths = new FleetPaths(root);
  for (const folder of paths.privateFolders) await mkdir(folder, { mode: 0o700 });
  await mkdir(dirname(paths.authorityCertificate));
  const key = await createKey();
  const expiresMs = nowMs + authorityMs;
  const issuer = await Issuer.create(`CN=${fleet}`, `spiffe://${fleet}`, key, nowMs, expiresMs);
  await replaceFile(paths.authorityKey, [key], 0o600);
  await replaceFile(paths.authorityCertificate, [issuer.certificate], 0o644);
  return issuer;
}

function outputFailed(path: string, cause: unknown): unknown {
  if (isOfframpError(cause) || systemCodeOf(cause) === undefined) return cause;
  return new OfframpError('OUTPUT_FAILED', `cannot write ${path}: ${messageOf(cause)}`, { cause });
}
