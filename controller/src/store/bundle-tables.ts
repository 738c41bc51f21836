import {
  Bundle,
  type CalibrationTable,
  exitCosts,
  type Manifest,
  parseCalibrationTable,
  parseManifest,
} from '@offramp/bundle';
import { binOf, binStarts, jetStreamError, openBundleStore } from '@offramp/contracts';
import { OfframpError, sha256Hex } from '@offramp/runtime';
import type { NatsConnection, ObjectStore } from 'nats';
import { binTable } from '../decide/candidates/binned-table.js';
import { ThresholdPath } from '../decide/candidates/threshold-path.js';
import type { TunableBundle } from '../decide/model/group-inputs.js';

const maxKept = 32;
/** Minimum time between reads of a missing bundle. */
const retryAfterMs = 2_000;

/** A bundle that was given to all controllers. */
export interface AddedBundle {
  /** SHA-256 of its manifest, in hexadecimal digits. */
  digest: string;
  name: string;
  /** Held-out samples of its calibration table. */
  samples: number;
}

/**
 * Manifests and calibration tables of bundles in NATS, where one controller or a command gives them to all controllers.
 * Bundles are identified by digest, which is verified on every read.
 */
export class BundleTables {
  /** Most recently used last. */
  private readonly known = new Map<string, TunableBundle>();
  private readonly missing = new Map<string, number>();

  constructor(
    private readonly bus: NatsConnection,
    private readonly replicas = 1,
  ) {}

  /**
   * Gives the manifest and the calibration table of a bundle in a folder to all controllers.
   * @throws OfframpError `FILE_NOT_FOUND`, `BUNDLE_INVALID`, `BUNDLE_CORRUPT`, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`
   */
  async add(directory: string): Promise<AddedBundle> {
    const bundle = await Bundle.open(directory);
    return this.addTexts(bundle.manifestBytes, await bundle.readCalibrationBytes());
  }

  /**
   * Gives a manifest and the calibration table that it names to all controllers.
   * @param manifest the exact bytes of the file, whose SHA-256 is the bundle's digest
   * @throws OfframpError `BUNDLE_INVALID`, `BUNDLE_CORRUPT`, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`
   */
  async addTexts(manifest: Uint8Array, calibration: Uint8Array): Promise<AddedBundle> {
    const digest = sha256Hex(manifest);
    const { name: bundleName, table } = readTexts('the bundle', digest, manifest, calibration);
    await this.call(async (store) => {
      for (const [name, bytes] of [
        [calibrationName(digest), calibration],
        [manifestName(digest), manifest],
      ] as const) {
        const there = await store.info(name);
        if (!there || there.deleted || there.size !== bytes.length) await store.putBlob({ name }, bytes);
      }
    });
    this.missing.delete(digest);
    return { digest, name: bundleName, samples: table.samples };
  }

  /**
   * @param nowMs of the caller's clock
   * @returns `null` if it has not been given
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

/** @param where names the bundle in errors */
function readTexts(
  where: string,
  digest: string,
  manifestBytes: Uint8Array,
  calibration: Uint8Array,
): { name: string; manifest: Manifest; table: CalibrationTable } {
  const check = (what: string, expected: string, bytes: Uint8Array) => {
    const found = sha256Hex(bytes);
    if (found === expected) return;
    throw new OfframpError(
      'BUNDLE_CORRUPT',
      `${where}: ${what}: expected SHA-256 ${expected}, found ${found}`,
      { hint: 'Add it again: `offramp fleet bundle add DIR`.' },
    );
  };
  check('manifest', digest, manifestBytes);
  const manifest = parseManifest(Buffer.from(manifestBytes).toString('utf8'), where);
  check('calibration table', manifest.calibration.table.sha256, calibration);
  const table = parseCalibrationTable(Buffer.from(calibration).toString('utf8'), where);
  const branches = manifest.stages.length - 1;
  if (table.branches.length !== branches) {
    throw new OfframpError(
      'BUNDLE_INVALID',
      `${where}: expected a calibration table of ${branches} branches, found ${table.branches.length}`,
    );
  }
  return { name: manifest.name, manifest, table };
}

function readBundle(digest: string, manifestBytes: Uint8Array, calibration: Uint8Array): TunableBundle {
  const where = `bundle ${digest.slice(0, 12)} in NATS`;
  const { manifest, table } = readTexts(where, digest, manifestBytes, calibration);
  const path = new ThresholdPath(table.branches.length, binStarts.slice(1));
  return {
    ...{ digest, thresholds: manifest.policy.thresholds, path, table: binTable(table, path, binOf) },
    costs: exitCosts(manifest),
  };
}
