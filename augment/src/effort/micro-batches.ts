import { OfframpError } from '@offramp/runtime';
import { mebibytes } from './memory-plan.js';

/** Batch norms take their statistics from a micro-batch. */
const leastSamples = 4;

export interface MicroBatches {
  /** How many make a step. */
  count: number;
  /** Samples of each. */
  size: number;
}

/**
 * Divides the batch of a training step into the fewest parts of equal size that fit. The remainder is left out.
 * @param bytesOf what a micro-batch of this size takes
 * @throws OfframpError `CONFIG_INVALID` where the smallest does not fit
 */
export function divideBatch(batch: number, limit: number, bytesOf: (size: number) => number): MicroBatches {
  for (let count = 1; ; count++) {
    const size = Math.floor(batch / count);
    const bytes = bytesOf(size);
    if (bytes <= limit) return { count: Math.floor(batch / size), size };
    if (Math.floor(batch / (count + 1)) < Math.min(leastSamples, batch)) {
      throw new OfframpError(
        'CONFIG_INVALID',
        `--memory: a step of training takes ${mebibytes(bytes)} for ${size} samples, of which ${mebibytes(limit)} are left; expected ${mebibytes((bytes - limit) * 2.5)} more`,
        { hint: 'Or train fewer branches (--branches), or others (--cut-points, --body pool).' },
      );
    }
  }
}
