import { messageOf, OfframpError, systemCodeOf } from '@offramp/runtime';
import {
  DiscardPolicy,
  type JetStreamManager,
  type KV,
  type NatsConnection,
  nanos,
  type ObjectStore,
  RetentionPolicy,
  type StreamConfig,
  type StreamInfo,
} from 'nats';
import { maxPolicyBytes } from '../policy/policy-limits.js';
import {
  bundleStore,
  controlBucket,
  eventStream,
  eventSubjects,
  leaseBucket,
  policyBucket,
  policyHistory,
  policyRepublish,
  telemetryStream,
  telemetrySubjects,
} from './subjects.js';

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

const maxControlBucketBytes = 256 * 2 ** 20;
const maxLeaseBucketBytes = 2 ** 20;
const maxBundleStoreBytes = 256 * 2 ** 20;
const maxEventBytes = 64 * 2 ** 20;
const eventMaxAgeMs = 30 * 24 * 3_600_000;

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
 * Opens the bucket of policies, and makes it if it is not there. Its stream publishes again what it has stored, so that
 * a device needs no consumer to hear of it.
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
      // Controllers' reads go to the stream's leader, so that they see every policy that was set before.
      allow_direct: false,
      republish: policyRepublish,
    });
    const { name, max_msg_size, republish, allow_direct } = (await bucket.status()).streamInfo.config;
    // A device may read by a subject that has its group alone, which only direct reads have.
    if (!allow_direct) await manager.streams.update(name, { allow_direct: true });
    // One of an older version has room for smaller policies, and keeps them to itself.
    if (max_msg_size < maxPolicyBytes) await manager.streams.update(name, { max_msg_size: maxPolicyBytes });
    if (republish?.dest !== policyRepublish.dest) {
      await manager.streams.update(name, { republish: policyRepublish }).catch((error: unknown) => {
        if (!/can not change republish/i.test(messageOf(error))) throw error;
      });
    }
    return bucket;
  });
}

/**
 * Whether devices hear of policies when they are put, and not only when they look. A server before NATS 2.10 cannot
 * make a bucket do so that is there already.
 */
export async function republishesPolicies(bucket: KV): Promise<boolean> {
  return (await bucket.status()).streamInfo.config.republish?.dest === policyRepublish.dest;
}

/**
 * Opens the bucket of controllers' state, and makes it if it is not there. Only the newest entry of a key is kept.
 * @throws OfframpError `JETSTREAM_UNAVAILABLE`, `NATS_UNAVAILABLE`
 */
export async function openControlBucket(bus: NatsConnection, replicas = 1): Promise<KV> {
  return withJetStream(bus, () =>
    bus.jetstream().views.kv(controlBucket, {
      description: "Offramp: groups' goals, and what controllers made of them",
      history: 1,
      max_bytes: maxControlBucketBytes,
      replicas,
      allow_direct: false,
    }),
  );
}

/**
 * Opens the bucket of the lease, and makes it if it is not there.
 * @param ttlMs after which an entry lapses that was not renewed, by the server's clock
 * @throws OfframpError `JETSTREAM_UNAVAILABLE`, `NATS_UNAVAILABLE`
 */
export async function openLeaseBucket(bus: NatsConnection, ttlMs: number, replicas = 1): Promise<KV> {
  return withJetStream(bus, async (manager) => {
    const bucket = await bus.jetstream().views.kv(leaseBucket, {
      description: 'Offramp: which controller leads',
      ...{ history: 1, ttl: ttlMs, max_bytes: maxLeaseBucketBytes, replicas, allow_direct: false },
    });
    const { streamInfo } = await bucket.status();
    const { name, max_age } = streamInfo.config;
    if (max_age !== nanos(ttlMs)) await manager.streams.update(name, { max_age: nanos(ttlMs) });
    return bucket;
  });
}

/**
 * Opens the store of bundles' tables, and makes it if it is not there.
 * @throws OfframpError `JETSTREAM_UNAVAILABLE`, `NATS_UNAVAILABLE`
 */
export async function openBundleStore(bus: NatsConnection, replicas = 1): Promise<ObjectStore> {
  return withJetStream(bus, () =>
    bus.jetstream().views.os(bundleStore, {
      description: 'Offramp: manifests and calibration tables of bundles',
      max_bytes: maxBundleStoreBytes,
      replicas,
    }),
  );
}

/**
 * Makes the stream of events.
 * @throws OfframpError `JETSTREAM_UNAVAILABLE`, `NATS_UNAVAILABLE`
 */
export async function ensureEventStream(bus: NatsConnection, replicas = 1): Promise<StreamInfo> {
  return withJetStream(bus, async (manager) => {
    try {
      return await manager.streams.info(eventStream);
    } catch (error) {
      if (messageOf(error) !== 'stream not found') throw error;
      return manager.streams.add({
        name: eventStream,
        subjects: [eventSubjects],
        retention: RetentionPolicy.Limits,
        discard: DiscardPolicy.Old,
        max_age: nanos(eventMaxAgeMs),
        max_bytes: maxEventBytes,
        num_replicas: replicas,
      });
    }
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
        hint: 'Check that it runs. If it does, its JetStream may have stopped, as when its disk was full: see its log and docs/troubleshooting.md.',
        cause,
      },
    );
  }
  return new OfframpError('JETSTREAM_UNAVAILABLE', `JetStream at ${server}: ${messageOf(cause)}`, { cause });
}
