import {
  DiscardPolicy,
  type JetStreamManager,
  type KV,
  type NatsConnection,
  nanos,
  RetentionPolicy,
  type StreamConfig,
  type StreamInfo,
} from 'nats';
import { messageOf, OfframpError, systemCodeOf } from '../errors.js';
import { maxPolicyBytes } from '../policy/policy-limits.js';
import { policyBucket, policyHistory, telemetryStream, telemetrySubjects } from './subjects.js';

export interface TelemetryRetention {
  /** Milliseconds a report is kept. Default 1 hour. */
  maxAgeMs: number;
  /** Bytes of reports that are kept, the newest; JetStream sets this much storage aside. Default 256 MiB. */
  maxBytes: number;
  /** Servers of a NATS cluster that keep a copy. Default 1. */
  replicas: number;
}

export const defaultTelemetryRetention: TelemetryRetention = {
  maxAgeMs: 3_600_000,
  maxBytes: 256 * 2 ** 20,
  replicas: 1,
};

/** A report published again within this time is dropped by the server, if it carries the same `Nats-Msg-Id`. */
export const telemetryDuplicateWindowMs = 120_000;
const maxReportBytes = 256 * 1024;

const maxPolicyBucketBytes = 64 * 2 ** 20;

/**
 * Makes the stream of telemetry, or brings an existing one to this retention.
 * @throws OfframpError `JETSTREAM_UNAVAILABLE`, `NATS_UNAVAILABLE`
 */
export async function ensureTelemetryStream(
  bus: NatsConnection,
  retention: TelemetryRetention,
): Promise<StreamInfo> {
  return withJetStream(bus, async (manager) => {
    const config = {
      subjects: [telemetrySubjects],
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      max_age: nanos(retention.maxAgeMs),
      max_bytes: retention.maxBytes,
      max_msg_size: maxReportBytes,
      duplicate_window: nanos(Math.min(telemetryDuplicateWindowMs, retention.maxAgeMs)),
      num_replicas: retention.replicas,
    } satisfies Partial<StreamConfig>;
    const existing = await manager.streams.info(telemetryStream).catch((error: unknown) => {
      if (messageOf(error) === 'stream not found') return null;
      throw error;
    });
    if (!existing) return manager.streams.add({ name: telemetryStream, ...config });
    const differs = Object.entries(config).some(
      ([key, value]) => String(existing.config[key as keyof StreamConfig]) !== String(value),
    );
    return differs ? manager.streams.update(telemetryStream, config) : existing;
  });
}

/**
 * Opens the bucket of policies, and makes it if it is not there.
 *
 * It is one bucket with a key per group, not a bucket per group: every bucket is a stream of its own with
 * files and, in a cluster, a Raft group, and there can be thousands of groups.
 * @throws OfframpError `JETSTREAM_UNAVAILABLE`, `NATS_UNAVAILABLE`
 */
export async function openPolicyBucket(bus: NatsConnection, replicas = 1): Promise<KV> {
  return withJetStream(bus, async (manager) => {
    const bucket = await bus.jetstream().views.kv(policyBucket, {
      description: 'Offramp: the policy of each group of devices',
      history: policyHistory,
      maxValueSize: maxPolicyBytes,
      max_bytes: maxPolicyBucketBytes,
      replicas,
      // Reads go to the stream's leader, so that they see every policy that was set before.
      allow_direct: false,
    });
    const { streamInfo } = await bucket.status();
    // One of an older version has room for smaller policies.
    if (streamInfo.config.max_msg_size < maxPolicyBytes) {
      await manager.streams.update(streamInfo.config.name, { max_msg_size: maxPolicyBytes });
    }
    return bucket;
  });
}

async function withJetStream<T>(
  bus: NatsConnection,
  use: (manager: JetStreamManager) => Promise<T>,
): Promise<T> {
  try {
    return await use(await bus.jetstreamManager());
  } catch (cause) {
    throw jetStreamError(bus, cause);
  }
}

/** The error for a JetStream call that failed. */
export function jetStreamError(bus: NatsConnection, cause: unknown): OfframpError {
  if (cause instanceof OfframpError) return cause;
  const server = bus.getServer();
  const code = systemCodeOf(cause);
  if (code === '503') {
    return new OfframpError('JETSTREAM_UNAVAILABLE', `the NATS server at ${server} runs without JetStream`, {
      hint: 'Start it with JetStream: `nats-server -js`.',
      cause,
    });
  }
  if (code === 'TIMEOUT' || code === 'CONNECTION_CLOSED' || code === 'DISCONNECT') {
    return new OfframpError(
      'NATS_UNAVAILABLE',
      `the NATS server at ${server} does not answer: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
  return new OfframpError('JETSTREAM_UNAVAILABLE', `JetStream at ${server}: ${messageOf(cause)}`, { cause });
}
