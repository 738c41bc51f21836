import { availableParallelism } from 'node:os';
import type { SessionOptions } from '@offramp/bundle';
import { busOptions, nameSchema, tlsOptions } from '@offramp/contracts';
import {
  addressSchema,
  type ConfigOf,
  commonOptions,
  defineConfig,
  duration,
  natsServersSchema,
} from '@offramp/runtime';
import { z } from 'zod';

const count = (maximum: number) => z.number().int().min(1).max(maximum);

/** The options of `offramp worker`. */
export const workerConfig = defineConfig('worker', {
  bundle: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: 'Bundle folders to serve; may be given several times', fallback: 'none' }),
  bundleFolder: z.string().min(1).optional().meta({
    description: 'Folder of bundle folders; bundles are added and removed while the worker runs',
    fallback: 'none',
  }),
  bundleScanMs: duration({ min: 10, max: 86_400_000 })
    .default(2_000)
    .describe('Time between scans of the bundle folder, in milliseconds'),
  listen: addressSchema
    .default('127.0.0.1:7400')
    .describe('Where to listen: host:port (port 0 takes a free one) or unix:/path'),
  ...tlsOptions({
    cert: {
      description:
        "File with the worker's certificate and those that lead to its authority, to serve over TLS",
      fallback: 'plain text',
    },
    ca: {
      description:
        "File with the certificates of the fleet's authorities; only devices of the fleet may then send samples",
      fallback: 'clients are not asked who they are',
    },
  }),
  metricsListen: addressSchema.optional().meta({
    description: 'Where to serve metrics for Prometheus: host:port (port 0 takes a free one) or unix:/path',
    fallback: 'no metrics',
  }),
  threads: z
    .number()
    .int()
    .min(0)
    .max(256)
    .default(0)
    .describe('Threads that run stages; 0: one fewer than the cores, at least 1'),
  intraOpThreads: count(256).default(1).describe('Threads inside one run of a stage'),
  executionProvider: z
    .array(z.string().min(1))
    .default(['cpu'])
    .describe(
      'Execution provider of ONNX Runtime, such as cuda; may be given several times, and each node runs on the first that supports it',
    ),
  sessionEntry: z
    .array(z.string().regex(/^[^=]+=/, 'expected KEY=VALUE'))
    .default([])
    .meta({
      description: "ONNX Runtime's session configuration entries, as KEY=VALUE; may be given several times",
      fallback: 'none',
    }),
  maxBatch: count(1024).default(16).describe('Maximum number of samples in one run of a stage'),
  maxWaitMs: duration({ max: 10_000, fraction: true })
    .default(0)
    .describe(
      'How long a sample is held for others to share its batch while a thread is free, in milliseconds',
    ),
  maxQueue: count(100_000)
    .default(512)
    .describe('Maximum number of samples on the worker, waiting or running; more are refused'),
  maxStreamInFlight: count(1_000_000)
    .default(256)
    .describe(
      'Maximum number of samples of one stream without delivered response; further ones are not read until then',
    ),
  maxStreams: count(1_000_000).default(1024).describe('Maximum number of open streams; more are refused'),
  drainMs: duration({ max: 600_000 })
    .default(10_000)
    .describe('How long a stop waits for samples in flight, in milliseconds'),
  statsIntervalMs: duration({ max: 86_400_000 })
    .default(10_000)
    .describe('Time between log lines with counts, in milliseconds; 0: none'),
  name: nameSchema
    .optional()
    .meta({ description: 'Name of this worker in reports', fallback: "the host's name" }),
  ...busOptions,
  nats: natsServersSchema
    .default('none')
    .describe('NATS servers to report to, separated by commas; tls:// demands TLS; none: no reports'),
  reportIntervalMs: duration({ min: 100, max: 60_000 })
    .default(2_000)
    .describe('Time between measurements of the load, and between load reports, in milliseconds'),
  logLevel: commonOptions.logLevel,
});

export type WorkerConfig = ConfigOf<typeof workerConfig>;

/** Growth of the heap between full collections, in percent of the live heap: a worker has memory, but little event-loop time. */
export const workerHeapGrowthPercent = 900;

/** Inference threads. */
export function threadsOf(config: WorkerConfig): number {
  return config.threads || Math.max(1, availableParallelism() - 1);
}

/** ONNX Runtime's options for stages. */
export function sessionOptionsOf(config: WorkerConfig): SessionOptions {
  const entries = config.sessionEntry.map((entry) => {
    const at = entry.indexOf('=');
    return [entry.slice(0, at), entry.slice(at + 1)] as const;
  });
  return {
    intraOpThreads: config.intraOpThreads,
    executionProviders: config.executionProvider,
    sessionEntries: Object.fromEntries(entries),
  };
}
