import { isOfframpError, messageOf, OfframpError } from '@offramp/runtime';
import { type KV, NatsError } from 'nats';

const wrongLastSequence = 10071;
const noJetStream = '503';
const maxAttempts = 32;
/** Attempts at a change while JetStream does not confirm whether it was stored. */
const maxUnanswered = 2;

/** Whether JetStream refused a write because the subject or key does not have the expected last sequence. */
export function isWriteConflict(error: unknown): boolean {
  return error instanceof NatsError && error.api_error?.err_code === wrongLastSequence;
}

/** @returns the result of the write; `null` if another write was first */
export async function nullOnConflict<T>(store: Promise<T>): Promise<T | null> {
  try {
    return await store;
  } catch (error) {
    if (isWriteConflict(error)) return null;
    throw error;
  }
}

/**
 * Puts a key's value if it has not changed.
 * @param previousSeq the revision that it must have; 0: there must be none
 * @returns the new revision; `null` if the key has changed
 * @throws OfframpError `OUTCOME_UNKNOWN` if JetStream neither confirmed nor refused it in time; NatsError if it refused it
 */
export async function compareAndSet(
  bucket: KV,
  key: string,
  value: string | Uint8Array,
  previousSeq: number,
): Promise<number | null> {
  try {
    return await nullOnConflict(bucket.put(key, value, { previousSeq }));
  } catch (error) {
    if (error instanceof NatsError && (error.api_error || error.code === noJetStream)) throw error;
    throw outcomeUnknown(`NATS did not confirm whether it stored ${key}: ${messageOf(error)}`, error);
  }
}

export function outcomeUnknown(message: string, cause: unknown): OfframpError {
  return new OfframpError('OUTCOME_UNKNOWN', message, { cause });
}

/**
 * Makes a change by compare-and-set, with retries after conflicting writes and unconfirmed ones.
 * @param what for errors, such as `the policy of group cameras`
 * @param attempt checks whether the change has been made, makes it if not, and returns the stored value; `null` on a conflict
 * @throws OfframpError `POLICY_CONFLICT`, `OUTCOME_UNKNOWN`, and what `attempt` throws
 */
export async function untilStored<T>(what: string, attempt: () => Promise<T | null>): Promise<T> {
  let unknown: OfframpError | null = null;
  let unanswered = 0;
  for (let attempts = 0; attempts < maxAttempts; attempts++) {
    try {
      const stored = await attempt();
      if (stored !== null) return stored;
    } catch (error) {
      const code = isOfframpError(error) ? error.code : '';
      if (isOfframpError(error) && code === 'OUTCOME_UNKNOWN') unknown = error;
      // A change that cannot be checked may have been stored.
      else if (code !== 'NATS_UNAVAILABLE' && code !== 'JETSTREAM_UNAVAILABLE') throw error;
      else if (!unknown) throw error;
      if (unanswered++ >= maxUnanswered) throw unknown;
    }
  }
  throw new OfframpError(
    'POLICY_CONFLICT',
    `other changes of ${what} were always first; gave up after ${maxAttempts} attempts`,
  );
}
