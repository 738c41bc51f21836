import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Bundle, type Clock, type Logger, messageOf, OfframpError } from '@offramp/shared';
import type { BundleShelf } from './bundle-shelf.js';
import { laterRequestBytes, requestBytesOf } from './request-bytes.js';

/**
 * Serves the bundles in a folder, as they come and go. Looks into it now and then: notifications do not reach over every
 * kind of network volume. What is no bundle, or not whole yet, is said in the log once and looked at again.
 */
export class BundleFolder {
  /** Those of the folder that are served, by digest. */
  private readonly served = new Set<string>();
  /** What was wrong with a folder when it was last looked at. */
  private problems = new Map<string, string>();
  private cancelNext: (() => void) | null = null;
  private looking: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly directory: string,
    private readonly shelf: BundleShelf,
    private readonly scanMs: number,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * Loads what is there, and goes on looking.
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

  /** Looks no more. What is served stays so. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelNext?.();
    await this.looking;
  }

  private async look(): Promise<void> {
    await this.scan().catch((error: unknown) => {
      this.logger.warn({ err: error, folder: this.directory }, 'cannot look into the bundle folder');
    });
    if (this.stopped) return;
    this.cancelNext = this.clock.after(this.scanMs, () => {
      this.looking = this.look();
    });
  }

  private async scan(): Promise<void> {
    const found = new Set<string>();
    const problems = new Map<string, string>();
    for (const path of await this.list()) {
      try {
        const bundle = await Bundle.open(path);
        if (!this.served.has(bundle.digest) && !this.shelf.get(bundle.digest)) await this.load(bundle);
        found.add(bundle.digest);
      } catch (error) {
        problems.set(path, messageOf(error));
        if (this.problems.get(path) !== messageOf(error)) {
          this.logger.warn({ err: error, bundle: path }, 'bundle cannot be served');
        }
      }
      if (this.stopped) return;
    }
    this.problems = problems;
    for (const digest of this.served) {
      if (found.has(digest)) continue;
      this.served.delete(digest);
      // Not awaited: what is in flight may take its time, and others may come meanwhile.
      void this.shelf.remove(digest);
    }
  }

  private async load(bundle: Bundle): Promise<void> {
    const needed = requestBytesOf(bundle);
    if (needed > laterRequestBytes) {
      throw new OfframpError(
        'CONFIG_INVALID',
        `${bundle.directory}: its requests have up to ${needed} bytes; bundles in a folder may have ${laterRequestBytes}`,
        { hint: 'Give it with --bundle.' },
      );
    }
    await this.shelf.add(bundle);
    this.served.add(bundle.digest);
  }

  /** The folders in it, but for hidden ones and those that a bundle is being written to. */
  private async list(): Promise<string[]> {
    const entries = await readdir(this.directory, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .filter(({ name }) => !name.startsWith('.') && !/\.(partial|replaced)-\d+$/.test(name))
      .map(({ name }) => join(this.directory, name))
      .sort();
  }
}
