import { hostname } from 'node:os';
import { commonOptions, defineConfig } from '@offramp/shared';
import { z } from 'zod';

const milliseconds = z.number().int().min(0).max(3_600_000);
const count = z.number().int().min(1);

/** The configuration of `offramp agent`. */
export const agentConfig = defineConfig('agent', {
  bundle: z.string().min(1).describe('Bundle folder to run; needs only the stages that the device holds'),
  source: z
    .string()
    .optional()
    .describe('Pictures to classify: a folder of images, IDX files or CIFAR .bin files'),
  split: z.enum(['train', 'test']).default('test').describe('Which part of the source, where it has both'),
  shard: z
    .string()
    .regex(/^\d+\/\d+$/, 'expected i/n, like 0/3')
    .default('0/1')
    .describe('Take every n-th picture, starting at the i-th (from 0), written i/n'),
  limit: z.number().int().min(0).default(0).describe('Stop taking pictures after this many; 0 for no limit'),
  loop: z.boolean().default(false).describe('Start over when the source is exhausted'),
  rate: z.number().min(0).max(1e6).default(0).describe('Pictures per second; 0 for as fast as it goes'),
  listen: z
    .string()
    .optional()
    .describe('Where the HTTP API listens: 127.0.0.1:8080 or unix:/path.sock; none unless given'),
  maxBodyBytes: count
    .max(2 ** 30)
    .default(16 * 2 ** 20)
    .describe('Largest body that the HTTP API takes, in bytes'),
  answers: z
    .string()
    .default('-')
    .describe('Where answers go as JSON lines: a file, - for standard output, none for nowhere'),
  device: z.string().optional().describe("Name of this device, unique in its group; the host's unless given"),
  group: z.string().default('default').describe('Group of devices whose policy this one follows'),
  deviceStages: count
    .optional()
    .describe('Stages to run on the device; as many as the bundle says unless given; all: never offload'),
  threads: count.max(256).default(1).describe('Threads that run stages'),
  intraOpThreads: count.max(256).default(1).describe('Threads inside one run of a stage'),
  maxInFlight: count.max(100_000).default(64).describe('Most samples between arrival and answer'),
  cloud: z.string().optional().describe('The worker to offload to, host:port; none unless given'),
  maxOffloadsInFlight: count
    .max(100_000)
    .default(32)
    .describe('Most samples sent to the worker and not yet answered'),
  offloadTimeoutMs: milliseconds
    .min(1)
    .default(500)
    .describe('How long a sample waits for the worker, in milliseconds, before a local exit answers'),
  reconnectMaxMs: milliseconds
    .min(100)
    .default(2_000)
    .describe('Longest wait between two attempts to reach the worker, in milliseconds'),
  nats: commonOptions.nats.describe('NATS servers, separated by commas; none to stand alone'),
  telemetryIntervalMs: milliseconds
    .min(10)
    .default(10_000)
    .describe('Length of a telemetry window in milliseconds'),
  maxTelemetryBacklog: count
    .min(2)
    .max(1_000_000)
    .default(360)
    .describe('Most reports kept while NATS is away; the oldest are merged beyond it'),
  drainMs: milliseconds
    .default(5_000)
    .describe('How long a stop waits for the worker, in milliseconds, before local exits answer'),
  logLevel: commonOptions.logLevel,
});

/** The host's name, with what a device's name cannot have replaced by '-'. */
export function defaultDevice(host = hostname()): string {
  return host.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 64) || 'device';
}
