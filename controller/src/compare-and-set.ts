import { type KV, NatsError } from 'nats';

const wrongLastSequence = 10071;

/** Whether JetStream refused to store something since the subject, or key, has another last sequence than was expected. */
export function isOutrun(error: unknown): boolean {
  return error instanceof NatsError && error.api_error?.err_code === wrongLastSequence;
}

/** @returns what was stored; `null` if somebody else was there first */
export async function unlessOutrun<T>(store: Promise<T>): Promise<T | null> {
  try {
    return await store;
  } catch (error) {
    if (isOutrun(error)) return null;
    throw error;
  }
}

/**
 * Puts a key's value if it has not changed.
 * @param previousSeq the revision that it must have; 0: there must be none
 * @returns the new revision; `null` if it has another one by now
 */
export function compareAndSet(
  bucket: KV,
  key: string,
  value: string | Uint8Array,
  previousSeq: number,
): Promise<number | null> {
  return unlessOutrun(bucket.put(key, value, { previousSeq }));
}
