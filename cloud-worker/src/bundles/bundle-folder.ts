import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Bundle } from '@offramp/bundle';
import { type Clock, type Logger, messageOf, OfframpError, shortDigest } from '@offramp/runtime';
import { laterRequestBytes, requestBytesOf } from '../grpc/request-bytes.js';
import type { BundleRegistry } from './bundle-registry.js';

/** A folder that is being renamed or rewritten may be missing in one scan. */
const looksUntilGone = 2;
/** Maximum wait before a failed load is retried, if the bundle's files do not change. */
const maxRetryMs = 60_000;

/** A subfolder. */
interface Place {
  /** Digest of its last complete bundle, which is served until another one replaces it. */
  digest: string | null;
  /** Scans since it was last found. */
  missed: number;
  /** Its problem in the last scan. */
  problem: string | null;
  failure: LoadFailure | null;
}

/** A failed load. Loads take time and memory, so retries become less frequent. */
interface LoadFailure {
  error: unknown;
  /** Changes with the bundle's files. */
  version: string;
  waitMs: number;
  againAtMs: number;
}

/**
 * Serves the bundles in a folder, and follows added and removed ones. It scans the folder periodically, because file
 * notifications do not work on every network volume. Problems of a folder are logged once, and it is scanned again. A bundle
 * is served until another complete one has replaced it, or until its folder is gone.
 */
export class BundleFolder {
  private readonly places = new Map<string, Place>();
  /** Digests of served bundles from this folder. */
  private readonly served = new Set<string>();
  private cancelNext: (() => void) | null = null;
  private looking: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly directory: string,
    private readonly bundles: BundleRegistry,
    private readonly scanMs: number,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * Loads existing bundles, and starts periodic scans.
   * @throws OfframpError `FILE_NOT_FOUND` if the folder cannot be read
   */
  async start(): Promise<void> {
    await this.list().catch((cause: unknown) => {
      throw new OfframpError('FILE_NOT_FOUND', `cannot read ${this.directory}: ${messageOf(cause)}`, {
        cause,
      });
    });
    this.looking = this.look();
    await this.looking;
  }

  /** Stops scanning. Served bundles stay. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelNext?.();
    await this.looking;
  }

  private async look(): Promise<void> {
    await this.scan().catch((error: unknown) => {
      this.logger.warn({ err: error, folder: this.directory }, 'cannot scan the bundle folder');
    });
    if (this.stopped) return;
    this.cancelNext = this.clock.after(this.scanMs, () => {
      this.looking = this.look();
    });
  }

  private async scan(): Promise<void> {
    const paths = await this.list();
    for (const path of paths) {
      await this.lookAt(path);
      if (this.stopped) return;
    }
    for (const [path, place] of this.places) {
      if (paths.includes(path)) continue;
      if (++place.missed >= looksUntilGone) this.places.delete(path);
    }
    const wanted = new Set([...this.places.values()].map(({ digest }) => digest));
    for (const digest of this.served) {
      if (wanted.has(digest)) continue;
      this.served.delete(digest);
      // Not awaited, because samples in flight may take a while, and other bundles may be added meanwhile.
      void this.bundles.remove(digest);
    }
  }

  private async lookAt(path: string): Promise<void> {
    const place = this.places.get(path) ?? { digest: null, missed: 0, problem: null, failure: null };
    this.places.set(path, place);
    place.missed = 0;
    try {
      const bundle = await Bundle.open(path);
      if (!this.bundles.get(bundle.digest)) await this.load(bundle, place);
      Object.assign(place, { digest: bundle.digest, problem: null, failure: null });
    } catch (error) {
      const reason = messageOf(error);
      if (place.problem === reason) return;
      place.problem = reason;
      const still = place.digest === null ? {} : { stillServed: shortDigest(place.digest) };
      this.logger.warn({ reason, bundle: path, ...still }, 'bundle cannot be served');
    }
  }

  private async load(bundle: Bundle, place: Place): Promise<void> {
    const needed = requestBytesOf(bundle);
    if (needed > laterRequestBytes) {
      throw new OfframpError(
        'CONFIG_INVALID',
        `${bundle.directory}: its requests have up to ${needed} bytes; the limit for bundles in a folder is ${laterRequestBytes}`,
        { hint: 'Give it with --bundle.' },
      );
    }
    const version = `${bundle.digest} ${await bundle.checkStages()}`;
    const before = place.failure?.version === version ? place.failure : null;
    if (before && this.clock.now() < before.againAtMs) throw before.error;
    try {
      await this.bundles.add(bundle);
    } catch (error) {
      const waitMs = Math.min(maxRetryMs, 2 * (before?.waitMs ?? this.scanMs));
      place.failure = { error, version, waitMs, againAtMs: this.clock.now() + waitMs };
      throw error;
    }
    this.served.add(bundle.digest);
  }

  /** Subfolders, except hidden ones and those to which a bundle is being written. */
  private async list(): Promise<string[]> {
    const entries = await readdir(this.directory, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .filter(({ name }) => !name.startsWith('.') && !/\.(partial|replaced)-\d+$/.test(name))
      .map(({ name }) => join(this.directory, name))
      .sort();
  }
}
