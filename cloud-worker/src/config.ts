import { availableParallelism } from 'node:os';
import { type ConfigOf, commonOptions, defineConfig } from '@offramp/shared';
import { z } from 'zod';

const count = (maximum: number) => z.number().int().min(1).max(maximum);

/** The options of `offramp worker`. */
export const workerConfig = defineConfig('worker', {
  bundle: z
    .array(z.string().min(1), 'expected at least one bundle folder')
    .min(1, 'expected at least one bundle folder')
    .describe('Bundle folders to serve; may be given several times'),
  listen: z
    .string()
    .default('127.0.0.1:7400')
    .describe('Where to listen: host:port (port 0 takes a free one) or unix:/path'),
  threads: z
    .number()
    .int()
    .min(0)
    .max(256)
    .default(0)
    .describe('Threads that run stages, per bundle; 0: one fewer than the cores, at least 1'),
  intraOpThreads: count(256).default(1).describe('Threads inside one run of a stage'),
  maxBatch: count(1024).default(16).describe('Samples in one run of a stage, at most'),
  maxWaitMs: z
    .number()
    .min(0)
    .max(10_000)
    .default(2)
    .describe('How long a sample may wait for others to share its batch, in milliseconds'),
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
  logLevel: commonOptions.logLevel,
});

export type WorkerConfig = ConfigOf<typeof workerConfig>;

/** Inference threads of one bundle. */
export function threadsOf(config: WorkerConfig): number {
  return config.threads || Math.max(1, availableParallelism() - 1);
}
