import type { Bundle, CalibrationTable } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { OfframpError } from '@offramp/runtime';
import { evaluateBundle } from '../calibrate/evaluate-bundle.js';
import { throwIfInterrupted } from '../support/interruption.js';
import type { AugmentOptions } from './augment-options.js';

/** How many held-out pictures the finished bundle is checked on. */
export const checkedPictures = 500;
const mostPerBatch = 64;

/**
 * Runs held-out pictures through a written bundle and compares the answers with those of the training.
 * @throws OfframpError `INTERNAL` where they differ by more than rounding
 */
export async function checkBundle(
  bundle: Bundle,
  heldOut: Dataset,
  expected: CalibrationTable,
  { progress, signal, batchSize }: Pick<AugmentOptions, 'progress' | 'signal'> & { batchSize: number },
): Promise<void> {
  const total = Math.min(checkedPictures, heldOut.size);
  progress.step('checking the bundle', total);
  let last = 0;
  const found = await evaluateBundle(bundle, heldOut, {
    limit: total,
    batchSize: Math.min(mostPerBatch, batchSize),
    onProgress: (done) => {
      throwIfInterrupted(signal);
      progress.advance(done - last);
      last = done;
    },
  });
  found.branches.forEach(({ agrees }, branch) => {
    const wanted = expected.branches[branch]?.agrees ?? '';
    const different = [...agrees].filter((bit, i) => bit !== wanted[i]).length;
    // Rounding may decide a tie otherwise; more differences mean a wrong graph.
    if (different > Math.max(1, total * 0.01)) {
      throw new OfframpError(
        'INTERNAL',
        `branch ${branch} answers ${different} of ${total} samples unlike in training`,
      );
    }
  });
}
