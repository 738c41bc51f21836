import { jetStreamError, policyBucket, policyKeySubject } from '@offramp/contracts';
import { messageOf, OfframpError } from '@offramp/runtime';
import { type Msg, type MsgHdrs, type NatsConnection, NatsError } from 'nats';

/** An entry of a group's key in the bucket of policies. */
export interface PolicyEntry {
  /** In the bucket's stream; 0: the key has no entry; not a number: the message does not say. */
  sequence: number;
  /** A `Policy` as bytes; `null`: none, or a mark that the key was deleted. */
  policy: Uint8Array | null;
}

const noMessageFound = 10037;

/**
 * Reads a group's newest entry from the bucket, of the server that leads its stream, so that nothing that was stored before
 * is missing from the answer. It is one request: `KV` would make three of it.
 * @throws OfframpError `JETSTREAM_UNAVAILABLE`, `NATS_UNAVAILABLE`
 */
export async function readPolicyEntry(connection: NatsConnection, group: string): Promise<PolicyEntry> {
  try {
    const { streams } = await connection.jetstreamManager({ checkAPI: false });
    const message = await streams.getMessage(`KV_${policyBucket}`, { last_by_subj: policyKeySubject(group) });
    return { sequence: message.seq, policy: policyOf(message.data, message.header) };
  } catch (cause) {
    if (cause instanceof NatsError && cause.api_error?.err_code === noMessageFound) {
      return { sequence: 0, policy: null };
    }
    if (messageOf(cause) === 'stream not found') {
      throw new OfframpError('JETSTREAM_UNAVAILABLE', `no bucket ${policyBucket}; is a controller running?`, {
        cause,
      });
    }
    throw jetStreamError(connection, cause);
  }
}

/** The entry that the bucket's stream has published again. */
export function heardPolicyEntry({ data, headers }: Msg): PolicyEntry {
  return {
    sequence: Number.parseInt(headers?.get('Nats-Sequence') ?? '', 10),
    policy: policyOf(data, headers),
  };
}

function policyOf(data: Uint8Array, headers: MsgHdrs | undefined): Uint8Array | null {
  const operation = headers?.get('KV-Operation') ?? '';
  return operation === '' || operation === 'PUT' ? data : null;
}
