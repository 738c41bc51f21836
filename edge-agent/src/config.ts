import { nameSchema } from '@offramp/contracts';
import { addressSchema, type ConfigOf, commonOptions, defineConfig, duration } from '@offramp/runtime';
import { z } from 'zod';
import { readShard, shardExpectation } from './source/selection.js';

const maxMs = 3_600_000;
const count = z.number().int().min(1);

/** The configuration of `offramp agent`. */
export const agentConfig = defineConfig('agent', {
  bundle: z.string().min(1).describe('Bundle folder to run; needs only the stages that the device holds'),
  source: z.string().optional().meta({
    description:
      'Samples to classify: IDX, CIFAR (.bin), SVHN (.mat) or NumPy files (.npz, .npy), images, or one folder of images per class; of a model that takes tensors, NumPy files',
    fallback: 'only what comes over HTTP',
  }),
  split: z
    .enum(['train', 'test'])
    .default('test')
    .describe('Which part of the samples, where the source holds both'),
  shard: z
    .string()
    .refine((text) => readShard(text) !== null, shardExpectation)
    .default('0/1')
    .describe('Share of the source to take, as i/n: every n-th sample, starting at the i-th, from 0'),
  limit: z.number().int().min(0).default(0).describe('Samples to take from the source; 0: all'),
  loop: z.boolean().default(false).describe('Start over when the source is exhausted'),
  rate: z.number().min(0).max(1e6).default(0).describe('Samples per second; 0: as fast as it goes'),
  listen: addressSchema.optional().meta({
    description: 'Where the HTTP API listens: host:port (port 0 takes a free one) or unix:/path',
    fallback: 'no HTTP API',
  }),
  metricsListen: addressSchema.optional().meta({
    description:
      'Where Prometheus finds the metrics of an agent: host:port (port 0 takes a free one) or unix:/path; the HTTP API has them, too',
    fallback: 'only the HTTP API',
  }),
  allowedHosts: z
    .array(z.string().regex(/^[\w.-]+$/, 'expected names like camera.local, without ports'))
    .optional()
    .meta({
      description: 'Names under which clients of the HTTP API may ask, beside localhost',
      fallback: 'none; where other machines may reach the API, its own name and IP addresses',
    }),
  maxBodyBytes: count
    .max(2 ** 30)
    .default(16 * 2 ** 20)
    .describe('Largest request that the HTTP API takes, in bytes'),
  answers: z
    .string()
    .default('-')
    .describe(
      'Where answers go, as JSON lines: a file, which is appended to (a last line that was cut short is removed first); -: standard output; none: nowhere. Over HTTP, an answer is given when its line is written',
    ),
  answersMaxBytes: z
    .number()
    .int()
    .min(0)
    .max(2 ** 40)
    .default(0)
    .describe(
      'Bytes beyond which the file of answers is renamed to FILE.1, and FILE.1 to FILE.2 and so on, and a new one begun; 0: never',
    ),
  answersKept: count
    .max(1_000)
    .default(4)
    .describe('Renamed files of answers to keep; older ones are deleted'),
  device: nameSchema
    .optional()
    .meta({ description: 'Name of this device, unique in its group', fallback: "the host's name" }),
  group: nameSchema.default('default').describe('Group of devices whose policy this one follows'),
  deviceStages: count.optional().meta({
    description: 'Stages to run on the device; with all of them it never offloads',
    fallback: 'as many as the bundle says',
  }),
  threads: count.max(256).default(1).describe('Threads that run stages'),
  intraOpThreads: count.max(256).default(1).describe('Threads inside one run of a stage'),
  intraOpAffinities: z
    .string()
    .regex(/^\d+(-\d+|(,\d+)*)(;\d+(-\d+|(,\d+)*))*$/, 'expected processors like 2;3 or 1-2;3-4')
    .optional()
    .meta({
      description:
        'Processors, counted from 1, for each thread inside a run but the first: 2;3 for two threads, 2-3 for one on either',
      fallback: 'any',
    }),
  maxBatch: count
    .max(1024)
    .default(8)
    .describe('Samples that run through a stage together, at most; none waits for others'),
  maxInFlight: count.max(100_000).default(64).describe('Samples between arrival and answer, at most'),
  cloud: addressSchema
    .optional()
    .meta({ description: 'The worker to offload to: host:port or unix:/path', fallback: 'no worker' }),
  maxOffloadsInFlight: count
    .max(100_000)
    .default(32)
    .describe('Samples sent to the worker and not yet answered, at most'),
  offloadTimeoutMs: duration({ min: 1, max: maxMs })
    .default(500)
    .describe('How long a sample waits for the worker before a local exit answers, in milliseconds'),
  activationCodec: z
    .enum(['bundle', 'lossless'])
    .default('bundle')
    .describe(
      'How activations are written for the worker: as the bundle says, which may cost up to 0.1 point of agreement, or without loss',
    ),
  sendInput: z
    .boolean()
    .default(false)
    .describe(
      'Send the preprocessed input instead of the activation where that is fewer bytes; without, no input leaves the device',
    ),
  reconnectMaxMs: duration({ min: 100, max: maxMs })
    .default(2_000)
    .describe('Longest wait between two attempts to reach the worker, in milliseconds'),
  nats: commonOptions.nats.describe('NATS servers, separated by commas; none: stand alone'),
  telemetryIntervalMs: duration({ min: 10, max: maxMs })
    .default(10_000)
    .describe('Time between telemetry reports, in milliseconds'),
  maxTelemetryBacklog: count
    .min(2)
    .max(1_000_000)
    .default(360)
    .describe('Telemetry reports kept while NATS is away, at most; beyond that the oldest are merged'),
  drainMs: duration({ max: maxMs })
    .default(5_000)
    .describe('How long a stop waits for what is in flight before local exits answer, in milliseconds'),
  logLevel: commonOptions.logLevel,
});

export type AgentConfig = ConfigOf<typeof agentConfig>;

/** Growth of the heap between full collections, in percent of what is live: a few MiB more, and a fifth less processor time. */
export const agentHeapGrowthPercent = 300;
