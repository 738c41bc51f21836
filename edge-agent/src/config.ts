import { busOptions, nameSchema, tlsOptions } from '@offramp/contracts';
import { pictureForms, tensorForms } from '@offramp/data';
import { addressSchema, type ConfigOf, commonOptions, defineConfig, duration } from '@offramp/runtime';
import { z } from 'zod';
import { readShard, shardExpectation } from './source/selection.js';

const maxMs = 3_600_000;
const count = z.number().int().min(1);

/** The configuration of `offramp agent`. */
export const agentConfig = defineConfig('agent', {
  bundle: z.string().min(1).describe('Bundle folder to run; needs only the stages that the device holds'),
  source: z
    .string()
    .optional()
    .meta({
      description: `Samples to classify: ${pictureForms}; for a model that takes tensors, ${tensorForms}`,
      fallback: 'only samples over HTTP',
    }),
  split: z
    .enum(['train', 'test'])
    .default('test')
    .describe('Which part of the samples, if the source has both'),
  shard: z
    .string()
    .refine((text) => readShard(text) !== null, shardExpectation)
    .default('0/1')
    .describe('Share of the source to take, as i/n: every n-th sample, starting at the i-th, from 0'),
  limit: z.number().int().min(0).default(0).describe('Samples to take from the source; 0: all'),
  loop: z.boolean().default(false).describe('Start over when the source is exhausted'),
  rate: z.number().min(0).max(1e6).default(0).describe('Samples per second; 0: as fast as possible'),
  listen: addressSchema.optional().meta({
    description: 'Where the HTTP API listens: host:port (port 0 takes a free one) or unix:/path',
    fallback: 'no HTTP API',
  }),
  metricsListen: addressSchema.optional().meta({
    description:
      'Where to serve metrics for Prometheus: host:port (port 0 takes a free one) or unix:/path; the HTTP API serves them, too',
    fallback: 'only the HTTP API',
  }),
  allowedHosts: z
    .array(z.string().regex(/^[\w.-]+$/, 'expected names like camera.local, without ports'))
    .optional()
    .meta({
      description: 'Further names by which clients may address the HTTP API, besides localhost',
      fallback: 'none; if other machines can reach the API, its own name and IP addresses',
    }),
  maxBodyBytes: count
    .max(2 ** 30)
    .default(16 * 2 ** 20)
    .describe('Largest request body that the HTTP API accepts, in bytes'),
  answers: z
    .string()
    .default('-')
    .describe(
      'Where to write answers as JSON lines: a file, which is appended to (an incomplete last line is removed first); -: standard output; none: nowhere. HTTP requests are answered when the line is written',
    ),
  answersMaxBytes: z
    .number()
    .int()
    .min(0)
    .max(2 ** 40)
    .default(0)
    .describe(
      'Size in bytes at which the file of answers is renamed to FILE.1 (FILE.1 to FILE.2, and so on) and a new one is created; 0: never',
    ),
  answersKept: count
    .max(1_000)
    .default(4)
    .describe('Number of renamed files of answers to keep; older ones are deleted'),
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
    .describe('Limit of samples that run through a stage together; none waits for others'),
  maxInFlight: count.max(100_000).default(64).describe('Limit of samples between arrival and answer'),
  cloud: addressSchema
    .optional()
    .meta({ description: 'The worker to offload to: host:port or unix:/path', fallback: 'no worker' }),
  ...tlsOptions({
    cert: {
      description: "File with the device's certificate and those that lead to its authority, for the worker",
      fallback: 'the device does not say who it is',
    },
    ca: {
      description:
        "File with the certificates of the authorities that workers' certificates must come from, to connect over TLS",
      fallback: 'plain text',
    },
  }),
  maxOffloadsInFlight: count
    .max(100_000)
    .default(32)
    .describe('Limit of samples sent to the worker and not yet answered'),
  offloadTimeoutMs: duration({ min: 1, max: maxMs })
    .default(500)
    .describe('How long a sample waits for the worker before a local exit answers, in milliseconds'),
  activationCodec: z
    .enum(['bundle', 'lossless'])
    .default('bundle')
    .describe(
      "How activations are encoded for the worker: with the bundle's codec, which may cost up to 0.1 point of agreement, or without loss",
    ),
  sendInput: z
    .boolean()
    .default(false)
    .describe(
      "Send the input instead of the activation where that takes fewer bytes, a picture as WebP or JPEG within the bundle's allowed loss; otherwise no input leaves the device",
    ),
  reconnectMaxMs: duration({ min: 100, max: maxMs })
    .default(2_000)
    .describe('Longest wait between two attempts to connect to the worker, in milliseconds'),
  ...busOptions,
  nats: busOptions.nats.describe(
    'NATS servers, separated by commas; tls:// demands TLS; none: run without a fleet',
  ),
  telemetryIntervalMs: duration({ min: 10, max: maxMs })
    .default(10_000)
    .describe('Time between telemetry reports, in milliseconds'),
  maxTelemetryBacklog: count
    .min(2)
    .max(1_000_000)
    .default(360)
    .describe(
      'Limit of telemetry reports kept while NATS cannot be reached; beyond it the oldest are merged',
    ),
  drainMs: duration({ max: maxMs })
    .default(5_000)
    .describe('How long a stop waits for samples in flight before local exits answer, in milliseconds'),
  logLevel: commonOptions.logLevel,
});

export type AgentConfig = ConfigOf<typeof agentConfig>;

/** Growth of the heap between full collections, in percent of the live heap: costs a few MiB, saves a fifth of processor time. */
export const agentHeapGrowthPercent = 300;
