import { jetStreamError, policyBucket, policyReadSubject } from '@offramp/contracts';
import { OfframpError, systemCodeOf } from '@offramp/runtime';
import { Empty, ErrorCode, type Msg, type MsgHdrs, type NatsConnection } from 'nats';

/** An entry of a group's key in the bucket of policies. */
export interface PolicyEntry {
  /** In the bucket's stream; 0: the key has no entry; NaN: the message does not contain it. */
  sequence: number;
  /** A `Policy` as bytes; `null`: none, or the key was deleted. */
  policy: Uint8Array | null;
}

/** Status of a reply. */
const noMessageFound = 404;
const readTimeoutMs = 5_000;

/**
 * Reads a group's newest entry from the bucket. In a cluster a server that lags behind may answer. It takes one request with the
 * key in its subject, for which a device has permission; `KV` would take three.
 * @throws OfframpError `JETSTREAM_UNAVAILABLE`, `NATS_UNAVAILABLE`
 */
export async function readPolicyEntry(connection: NatsConnection, group: string): Promise<PolicyEntry> {
  try {
    const { data, headers } = await connection.request(policyReadSubject(group), Empty, {
      timeout: readTimeoutMs,
    });
    if (headers?.code === noMessageFound) return { sequence: 0, policy: null };
    if (headers && headers.code >= 400) throw new Error(`${headers.code} ${headers.description}`);
    return entryOf(data, headers);
  } catch (cause) {
    if (systemCodeOf(cause) === ErrorCode.NoResponders) {
      throw new OfframpError('JETSTREAM_UNAVAILABLE', `no bucket ${policyBucket}; is a controller running?`, {
        cause,
      });
    }
    throw jetStreamError(connection, cause);
  }
}

/** The entry in a message that the bucket's stream has republished. */
export function publishedPolicyEntry({ data, headers }: Msg): PolicyEntry {
  return entryOf(data, headers);
}

const entryOf = (data: Uint8Array, headers: MsgHdrs | undefined): PolicyEntry => ({
  sequence: Number.parseInt(headers?.get('Nats-Sequence') ?? '', 10),
  policy: policyOf(data, headers),
});

function policyOf(data: Uint8Array, headers: MsgHdrs | undefined): Uint8Array | null {
  const operation = headers?.get('KV-Operation') ?? '';
  return operation === '' || operation === 'PUT' ? data : null;
}
