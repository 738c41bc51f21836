import { type Bundle, InferencePool, type SessionOptions } from '@offramp/bundle';
import { OfframpError, shortDigest } from '@offramp/runtime';
import { ServedBundle, type ServedBundleOptions, type SharedParts } from '../batching/served-bundle.js';

export interface BundleRegistryOptions extends ServedBundleOptions {
  /** Inference threads of each bundle. */
  threads: number;
  session: SessionOptions;
  /** Called if an inference thread dies. */
  onLost: (error: OfframpError) => void;
}

interface Place {
  served: ServedBundle;
  pool: InferencePool;
}

/** The served bundles, by digest in lower-case hexadecimal. Bundles are added and removed while samples run. */
export class BundleRegistry {
  private readonly places = new Map<string, Place>();
  private readonly leaving = new Set<Promise<void>>();

  constructor(
    private readonly options: BundleRegistryOptions,
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
   * @throws OfframpError `CONFIG_INVALID` if it is already served; `BUNDLE_CORRUPT`, `INFERENCE_FAILED`
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

  /** Removes a bundle: new samples are refused, those in flight are answered, and then its memory is freed. */
  async remove(digest: string): Promise<void> {
    const place = this.places.get(digest);
    if (!place) return;
    this.places.delete(digest);
    const left = this.unload(place).finally(() => this.leaving.delete(left));
    this.leaving.add(left);
    await left;
  }

  /** No new samples follow, so none is held for others. */
  finish(): void {
    for (const { served } of this.places.values()) void served.finish();
  }

  /** Frees everything. Samples in flight are refused. */
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
