import { type Bundle, InferencePool, OfframpError, type SessionOptions, shortDigest } from '@offramp/shared';
import { ServedBundle, type ServedBundleOptions, type SharedParts } from './served-bundle.js';

export interface BundleShelfOptions extends ServedBundleOptions {
  /** Inference threads of each bundle. */
  threads: number;
  session: SessionOptions;
  /** Told if an inference thread dies. */
  onLost: (error: OfframpError) => void;
}

interface Place {
  served: ServedBundle;
  pool: InferencePool;
}

/** The bundles that are served, by digest in lower-case hexadecimal; they come and go while samples run. */
export class BundleShelf {
  private readonly places = new Map<string, Place>();
  private readonly leaving = new Set<Promise<void>>();

  constructor(
    private readonly options: BundleShelfOptions,
    private readonly shared: SharedParts,
  ) {}

  get(digest: string): ServedBundle | undefined {
    return this.places.get(digest)?.served;
  }

  digests(): string[] {
    return [...this.places.keys()];
  }

  /**
   * Checks a bundle, loads its stages and serves it.
   * @throws OfframpError `CONFIG_INVALID` if it is served already; `BUNDLE_CORRUPT`, `INFERENCE_FAILED`
   */
  async add(bundle: Bundle): Promise<void> {
    const same = this.places.get(bundle.digest)?.served.bundle;
    if (same) {
      throw new OfframpError(
        'CONFIG_INVALID',
        `bundle: expected different ones; ${same.directory} and ${bundle.directory} are the same`,
      );
    }
    const { threads, session, onLost, maxBatch, maxWaitMs } = this.options;
    const pool = await InferencePool.create(bundle, { ...session, threads, onLost });
    const served = new ServedBundle(bundle, pool, { maxBatch, maxWaitMs }, this.shared);
    this.places.set(bundle.digest, { served, pool });
    const { directory, digest } = bundle;
    this.shared.logger.info({ bundle: directory, digest: shortDigest(digest), threads }, 'bundle loaded');
  }

  /** Serves a bundle no longer: new samples find it unknown, those in flight are answered; then its memory is freed. */
  async remove(digest: string): Promise<void> {
    const place = this.places.get(digest);
    if (!place) return;
    this.places.delete(digest);
    const left = this.unload(place).finally(() => this.leaving.delete(left));
    this.leaving.add(left);
    await left;
  }

  /** Nothing new will come: from now on no sample is held for others. */
  finish(): void {
    for (const { served } of this.places.values()) void served.finish();
  }

  /** Frees everything. What is in flight still is refused. */
  async close(): Promise<void> {
    const places = [...this.places.values()];
    this.places.clear();
    await Promise.all([
      ...this.leaving,
      ...places.map(async ({ served, pool }) => {
        await pool.close();
        served.close();
      }),
    ]);
  }

  private async unload({ served, pool }: Place): Promise<void> {
    await served.finish();
    served.close();
    await pool.close();
    const { directory, digest } = served.bundle;
    this.shared.stats.forget(digest);
    this.shared.logger.info({ bundle: directory, digest: shortDigest(digest) }, 'bundle unloaded');
  }
}
