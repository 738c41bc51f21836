import { jetStreamError, policyBucket, policyKeySubject } from '@offramp/contracts';
import { messageOf, OfframpError } from '@offramp/runtime';
import { type Msg, type MsgHdrs, type NatsConnection, NatsError } from 'nats';

/** An entry of a group's key in the bucket of policies. */
export interface PolicyEntry {
  /** In the bucket's stream; 0: the key has no entry; NaN: the message does not contain it. */
  sequence: number;
  /** A `Policy` as bytes; `null`: none, or the key was deleted. */
  policy: Uint8Array | null;
}

const noMessageFound = 10037;

/**
 * Reads a group's newest entry from the bucket. The leader of its stream answers, so the entry is not outdated. It takes
 * one request; `KV` would take three.
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

/** The entry in a message that the bucket's stream has republished. */
export function publishedPolicyEntry({ data, headers }: Msg): PolicyEntry {
  return {
    sequence: Number.parseInt(headers?.get('Nats-Sequence') ?? '', 10),
    policy: policyOf(data, headers),
  };
}

function policyOf(data: Uint8Array, headers: MsgHdrs | undefined): Uint8Array | null {
  const operation = headers?.get('KV-Operation') ?? '';
  return operation === '' || operation === 'PUT' ? data : null;
}
