import { OfframpError } from '@offramp/shared';

export interface Selection {
  /** First index taken, counted from 0 … */
  offset: number;
  /** … and every `step`-th from there. */
  step: number;
  /** 0: no limit. */
  limit: number;
  loop: boolean;
}

/**
 * Reads a shard, `i/n`.
 * @throws OfframpError `CONFIG_INVALID`
 */
export function parseShard(text: string): { offset: number; step: number } {
  const [offset = Number.NaN, step = Number.NaN] = text.split('/').map(Number);
  if (!(step >= 1 && offset < step)) {
    throw new OfframpError('CONFIG_INVALID', `shard: expected i/n with i below n, like 0/3; found ${text}`);
  }
  return { offset, step };
}

/** The indices of a data set of `size` samples that a selection takes, in order. */
export function* selectIndices(size: number, { offset, step, limit, loop }: Selection): Generator<number> {
  let taken = 0;
  do {
    for (let index = offset; index < size; index += step) {
      if (limit > 0 && taken >= limit) return;
      taken++;
      yield index;
    }
  } while (loop && taken > 0);
}
