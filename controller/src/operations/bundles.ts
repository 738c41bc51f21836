import { isOfframpError, messageOf, OfframpError } from '@offramp/runtime';
import { z } from 'zod';
import type { AddedBundle, BundleTables } from '../store/bundle-tables.js';
import type { ChangeLog } from './change-log.js';

export const addBundleInput = z.strictObject({
  manifest: z.string().min(1).describe('The exact text of the file `manifest.json`'),
  calibration: z.string().min(1).describe('The exact text of the calibration table'),
});

export type AddBundle = z.output<typeof addBundleInput>;

/** Errors of a bundle on disk, which here are errors of the request. */
const faults: ReadonlySet<string> = new Set(['BUNDLE_INVALID', 'BUNDLE_CORRUPT']);
const codeOf = (error: unknown) => (isOfframpError(error) ? error.code : '');

/** The bundles that the controllers of a fleet know. */
export class BundleOperations {
  constructor(
    private readonly bundles: Pick<BundleTables, 'addTexts'>,
    private readonly changes: ChangeLog,
  ) {}

  /**
   * Gives a bundle's manifest and calibration table to all controllers.
   * @throws OfframpError `REQUEST_INVALID` for invalid texts, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`
   */
  async add({ manifest, calibration }: AddBundle): Promise<AddedBundle> {
    const added = await this.bundles
      .addTexts(Buffer.from(manifest), Buffer.from(calibration))
      .catch((cause: unknown) => {
        throw faults.has(codeOf(cause))
          ? new OfframpError('REQUEST_INVALID', messageOf(cause), { cause })
          : cause;
      });
    this.changes.record('bundle added', { ...added });
    return added;
  }
}
