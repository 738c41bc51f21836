import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Bundle,
  binOf,
  binStarts,
  exitCosts,
  jetStreamError,
  type Manifest,
  manifestFileName,
  OfframpError,
  openBundleStore,
  parseCalibrationTable,
  parseManifest,
  sha256Hex,
} from '@offramp/shared';
import type { NatsConnection, ObjectStore } from 'nats';
import { binTable } from '../tuner/binned-table.js';
import { ThresholdPath } from '../tuner/threshold-path.js';
import type { TunableBundle } from './group-inputs.js';

const maxKept = 32;
/** A bundle that is not there is not asked for again for so long. */
const retryAfterMs = 2_000;

/**
 * What controllers need of bundles, in NATS, so that one of them, or a command, gives it to all. Bundles are known by
 * their digests, by which everything is checked that is read.
 */
export class BundleTables {
  /** The one used last at the end. */
  private readonly known = new Map<string, TunableBundle>();
  private readonly missing = new Map<string, number>();

  constructor(
    private readonly bus: NatsConnection,
    private readonly replicas = 1,
  ) {}

  /**
   * Gives a bundle's manifest and calibration table to all controllers.
   * @throws OfframpError `FILE_NOT_FOUND`, `BUNDLE_INVALID`, `BUNDLE_CORRUPT`, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`
   */
  async add(directory: string): Promise<{ digest: string; name: string; samples: number }> {
    const bundle = await Bundle.open(directory);
    const table = await bundle.readCalibration();
    const { path } = bundle.manifest.calibration.table;
    const manifest = await readFile(join(directory, manifestFileName));
    if (sha256Hex(manifest) !== bundle.digest) {
      throw new OfframpError(
        'BUNDLE_CORRUPT',
        `${directory} is being changed: its manifest is not the one read before`,
      );
    }
    const calibration = await readFile(join(directory, path));
    await this.call(async (store) => {
      for (const [name, bytes] of [
        [calibrationName(bundle.digest), calibration],
        [manifestName(bundle.digest), manifest],
      ] as const) {
        const there = await store.info(name);
        if (!there || there.deleted || there.size !== bytes.length) await store.putBlob({ name }, bytes);
      }
    });
    this.missing.delete(bundle.digest);
    return { digest: bundle.digest, name: bundle.manifest.name, samples: table.samples };
  }

  /**
   * @param nowMs of any clock of the caller's
   * @returns `null` while nobody has given it
   * @throws OfframpError `BUNDLE_CORRUPT`, `BUNDLE_INVALID`, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`
   */
  async get(digest: string, nowMs: number): Promise<TunableBundle | null> {
    const known = this.known.get(digest);
    if (known) {
      this.known.delete(digest);
      this.known.set(digest, known);
      return known;
    }
    if (nowMs < (this.missing.get(digest) ?? Number.NEGATIVE_INFINITY)) return null;
    const read = await this.call(async (store) => {
      const manifest = await store.getBlob(manifestName(digest));
      return manifest && { manifest, calibration: await store.getBlob(calibrationName(digest)) };
    });
    if (!read?.calibration) {
      if (this.missing.size >= maxKept) this.missing.clear();
      this.missing.set(digest, nowMs + retryAfterMs);
      return null;
    }
    const bundle = readBundle(digest, read.manifest, read.calibration);
    this.known.set(digest, bundle);
    const [oldest] = this.known.keys();
    if (this.known.size > maxKept && oldest !== undefined) this.known.delete(oldest);
    return bundle;
  }

  private async call<T>(use: (store: ObjectStore) => Promise<T>): Promise<T> {
    try {
      return await use(await openBundleStore(this.bus, this.replicas));
    } catch (cause) {
      throw jetStreamError(this.bus, cause);
    }
  }
}

const manifestName = (digest: string) => `${digest}/manifest`;
const calibrationName = (digest: string) => `${digest}/calibration`;

function readBundle(digest: string, manifestBytes: Uint8Array, calibration: Uint8Array): TunableBundle {
  const where = `bundle ${digest.slice(0, 12)} in NATS`;
  const check = (what: string, expected: string, bytes: Uint8Array) => {
    const found = sha256Hex(bytes);
    if (found === expected) return;
    throw new OfframpError(
      'BUNDLE_CORRUPT',
      `${where}: ${what}: expected SHA-256 ${expected}, found ${found}`,
      {
        hint: 'Give it again: `offramp fleet bundle add DIR`.',
      },
    );
  };
  check('manifest', digest, manifestBytes);
  const manifest: Manifest = parseManifest(Buffer.from(manifestBytes).toString('utf8'), where);
  check('calibration table', manifest.calibration.table.sha256, calibration);
  const table = parseCalibrationTable(Buffer.from(calibration).toString('utf8'), where);
  const branches = manifest.stages.length - 1;
  if (table.branches.length !== branches) {
    throw new OfframpError(
      'BUNDLE_INVALID',
      `${where}: expected a calibration table of ${branches} branches, found ${table.branches.length}`,
    );
  }
  const path = new ThresholdPath(branches, binStarts.slice(1));
  return {
    ...{ digest, thresholds: manifest.policy.thresholds, path, table: binTable(table, path, binOf) },
    costs: exitCosts(manifest),
  };
}
