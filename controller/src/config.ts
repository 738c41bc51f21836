import { hostname } from 'node:os';
import { busOptions, defaultTelemetryRetention } from '@offramp/contracts';
import { addressSchema, commonOptions, defineConfig, duration } from '@offramp/runtime';
import { z } from 'zod';

/** The options of `offramp controller`, from file, environment and flags. */
export const controllerConfig = defineConfig('controller', {
  ...busOptions,
  logLevel: commonOptions.logLevel,
  listen: addressSchema.optional().meta({
    description:
      'Where the HTTP API and the dashboard listen: host:port (port 0 takes a free one) or unix:/path',
    fallback: 'no HTTP API',
  }),
  tokenFile: z.string().optional().meta({
    description:
      'File with the token that clients of the HTTP API must send; OFFRAMP_CONTROLLER_TOKEN can hold it instead',
    fallback: 'no token, which only loopback addresses and Unix sockets allow',
  }),
  waitForNats: z
    .boolean()
    .default(false)
    .describe('Wait for a NATS server that does not answer at start, instead of failing'),
  telemetryMaxAgeMs: duration({ min: 1_000 })
    .default(defaultTelemetryRetention.maxAgeMs)
    .describe('How long reports stay in NATS, and silent devices in the list, in milliseconds'),
  telemetryMaxBytes: z
    .number()
    .int()
    .min(2 ** 20)
    .default(defaultTelemetryRetention.maxBytes)
    .describe('Limit of reports kept in NATS, in bytes; the newest are kept'),
  replicas: z
    .number()
    .int()
    .min(1)
    .max(5)
    .default(defaultTelemetryRetention.replicas)
    .describe('Servers of a NATS cluster that keep a copy of reports and policies'),
  offlineAfterWindows: z
    .number()
    .min(1)
    .max(1_000)
    .default(3)
    .describe('Silence after which a device is offline, in windows of its reports'),
  offlineAfterMinMs: duration()
    .default(15_000)
    .describe('Minimum silence after which a device is offline, in milliseconds'),
  deviceEvidenceMs: duration({ min: 1_000 })
    .default(600_000)
    .describe('How far back the evidence of a single device reaches, in milliseconds'),
  maxDevices: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .describe('Maximum number of devices in the register; beyond it a new one replaces one that is offline'),
  bundle: z.array(z.string()).default([]).meta({
    description: 'Bundle folders whose calibration tables all controllers get, through NATS',
    fallback: 'none',
  }),
  instanceName: z
    .string()
    .min(1)
    .max(100)
    .default(`${hostname()}-${process.pid}`)
    .meta({ description: 'Name of this controller among several', fallback: 'host and process' }),
  leaseTtlMs: duration({ min: 500, max: 600_000 })
    .default(5_000)
    .describe('Silence of the leading controller after which another one leads, in milliseconds'),
  tuneEveryMs: duration({ min: 50, max: 600_000 })
    .default(2_000)
    .describe('Time between decisions on thresholds by new evidence, in milliseconds'),
  canaryShare: z
    .number()
    .gt(0)
    .max(1)
    .default(0.25)
    .describe('Share of a group that tries lower thresholds before the others, from 0 to 1'),
  canarySamples: z
    .number()
    .int()
    .min(1)
    .default(100)
    .describe('Samples without harm under lower thresholds before more devices get them'),
  webhook: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({
      description: 'URL that gets every event of the fleet as JSON, by POST',
      fallback: 'none',
    }),
});

/** Growth of the heap between full collections, in percent of the live heap. Most garbage is from windows that have ended. */
export const controllerHeapGrowthPercent = 100;
