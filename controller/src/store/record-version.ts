import { OfframpError } from '@offramp/runtime';

/** Version of the records that controllers store in NATS: goals, states of groups, and presence. */
export const recordVersion = 1;

/**
 * Rejects a record of a newer controller. A record without a version has version 1.
 * @param what names the record in the message
 * @throws OfframpError `STATE_VERSION_UNKNOWN`
 */
export function checkRecordVersion(what: string, record: unknown): void {
  const version = typeof record === 'object' && record !== null && 'version' in record ? record.version : 1;
  if (version === recordVersion) return;
  throw new OfframpError(
    'STATE_VERSION_UNKNOWN',
    `${what}: expected version ${recordVersion}, found ${JSON.stringify(version)}`,
  );
}

/** @returns the result of `read`; `null` for a malformed record. Errors of a newer version are passed on. */
export function readRecord<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof OfframpError && error.code === 'STATE_VERSION_UNKNOWN') throw error;
    return null;
  }
}
