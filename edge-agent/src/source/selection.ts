import { OfframpError } from '@offramp/runtime';

export interface Selection {
  /** First index taken, counted from 0 … */
  offset: number;
  /** … and every `step`-th from there. */
  step: number;
  /** 0: no limit. */
  limit: number;
  loop: boolean;
}

export const shardExpectation = 'expected i/n with i below n, like 0/3';

/** Reads a shard, `i/n`; `null`: it is malformed. */
export function readShard(text: string): { offset: number; step: number } | null {
  const [, offset, step] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  return offset !== undefined && step !== undefined && offset < step ? { offset, step } : null;
}

/**
 * Reads a shard, `i/n`.
 * @throws OfframpError `CONFIG_INVALID`
 */
export function parseShard(text: string): { offset: number; step: number } {
  const shard = readShard(text);
  if (!shard) throw new OfframpError('CONFIG_INVALID', `shard: ${shardExpectation}; found ${text}`);
  return shard;
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
