import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Issuer, RevokedCertificate } from '@offramp/contracts/issuing';
import { OfframpError, readTextFile, replaceFile } from '@offramp/runtime';
import { z } from 'zod';

/** Time until the next update of a revocation list, in milliseconds: the authority may be away for a part of it. */
const listValidMs = 30 * 86_400_000;
/** Entries stay for this long, in milliseconds, after their certificate has expired: clocks of devices may be slow. */
const keepExpiredMs = 86_400_000;
const maxRecordBytes = 1_000;

const recordSchema = z.object({ revokedMs: z.number(), expiresMs: z.number() });
type Revocation = z.infer<typeof recordSchema>;

/** The certificates that were taken back, one file each, and the list of them that parties read. */
export class Revocations {
  constructor(
    private readonly folder: string,
    private readonly listPath: string,
  ) {}

  /** Records that a certificate is revoked, unless it is. It counts from the next {@link publish} on. */
  async add(serialNumber: string, revocation: Revocation): Promise<void> {
    if ((await this.serialNumbers()).includes(serialNumber)) return;
    await replaceFile(join(this.folder, `${serialNumber}.json`), [JSON.stringify(revocation)], 0o600);
  }

  /** Writes the list, again when another process has revoked something meanwhile. */
  async publish(issuer: Issuer, nowMs: number): Promise<void> {
    for (let listed = ''; ; ) {
      const revoked = await this.read(nowMs);
      const serialNumbers = revoked.map(({ serialNumber }) => serialNumber).join();
      if (listed === `of ${serialNumbers}`) return;
      listed = `of ${serialNumbers}`;
      const list = await issuer.revocationList(revoked, nowMs, nowMs + listValidMs);
      await replaceFile(this.listPath, [list], 0o644);
    }
  }

  private async read(nowMs: number): Promise<RevokedCertificate[]> {
    const revoked: RevokedCertificate[] = [];
    for (const serialNumber of await this.serialNumbers()) {
      const path = join(this.folder, `${serialNumber}.json`);
      const { revokedMs, expiresMs } = await readRecord(path);
      if (expiresMs + keepExpiredMs > nowMs) revoked.push({ serialNumber, revokedMs });
      else await rm(path, { force: true });
    }
    return revoked;
  }

  private async serialNumbers(): Promise<string[]> {
    const names = await readdir(this.folder);
    return names.flatMap((name) => /^([0-9A-F]+)\.json$/.exec(name)?.[1] ?? []).sort();
  }
}

async function readRecord(path: string): Promise<Revocation> {
  try {
    return recordSchema.parse(JSON.parse(await readTextFile(path, maxRecordBytes)));
  } catch (cause) {
    throw new OfframpError('CREDENTIALS_INVALID', `${path}: expected the record of a revocation`, { cause });
  }
}
