import { availableParallelism } from 'node:os';
import {
  addressSchema,
  type ConfigOf,
  commonOptions,
  defineConfig,
  nameSchema,
  type SessionOptions,
} from '@offramp/shared';
import { z } from 'zod';

const count = (maximum: number) => z.number().int().min(1).max(maximum);

/** The options of `offramp worker`. */
export const workerConfig = defineConfig('worker', {
  bundle: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: 'Bundle folders to serve; may be given several times', fallback: 'none' }),
  bundleFolder: z.string().min(1).optional().meta({
    description:
      'Folder of bundle folders: those that appear in it while the worker runs are served, those that go are not any more',
    fallback: 'none',
  }),
  bundleScanMs: z
    .number()
    .int()
    .min(10)
    .max(86_400_000)
    .default(2_000)
    .describe('Time between looks into the bundle folder, in milliseconds'),
  listen: addressSchema
    .default('127.0.0.1:7400')
    .describe('Where to listen: host:port (port 0 takes a free one) or unix:/path'),
  metricsListen: addressSchema.optional().meta({
    description: 'Where Prometheus finds metrics: host:port (port 0 takes a free one) or unix:/path',
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
      'What runs the stages, such as cuda; may be given several times, the first that can takes a node',
    ),
  sessionEntry: z
    .array(z.string().regex(/^[^=]+=/, 'expected KEY=VALUE'))
    .default([])
    .meta({
      description: "ONNX Runtime's session configuration entries, as KEY=VALUE; may be given several times",
      fallback: 'none',
    }),
  maxBatch: count(1024).default(16).describe('Samples in one run of a stage, at most'),
  maxWaitMs: z
    .number()
    .min(0)
    .max(10_000)
    .default(0)
    .describe(
      'How long a sample is held for others to share its batch while a thread is free, in milliseconds; while none is, it waits anyway',
    ),
  maxQueue: count(100_000)
    .default(512)
    .describe('Samples on the worker at once, waiting or running, at most; more are refused'),
  maxStreamInFlight: count(1_000_000)
    .default(256)
    .describe('Samples of one stream without delivered response, at most; more are not read until then'),
  maxStreams: count(1_000_000).default(1024).describe('Streams open at once, at most; more are refused'),
  drainMs: z
    .number()
    .int()
    .min(0)
    .max(600_000)
    .default(10_000)
    .describe('How long a stop waits for what is in flight, in milliseconds'),
  statsIntervalMs: z
    .number()
    .int()
    .min(0)
    .max(86_400_000)
    .default(10_000)
    .describe('Time between log lines with counts, in milliseconds; 0: none'),
  name: nameSchema
    .optional()
    .meta({ description: 'Name of this worker in reports', fallback: "the host's name" }),
  nats: z
    .string()
    .min(1)
    .default('none')
    .describe('NATS servers to report to, separated by commas; none: no reports'),
  reportIntervalMs: z
    .number()
    .int()
    .min(100)
    .max(60_000)
    .default(2_000)
    .describe('Time between looks at how busy the worker is, and between reports of it, in milliseconds'),
  logLevel: commonOptions.logLevel,
});

export type WorkerConfig = ConfigOf<typeof workerConfig>;

/** Inference threads. */
export function threadsOf(config: WorkerConfig): number {
  return config.threads || Math.max(1, availableParallelism() - 1);
}

/** How ONNX Runtime is to run stages. */
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
