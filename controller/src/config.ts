import { hostname } from 'node:os';
import { addressSchema, commonOptions, defaultTelemetryRetention, defineConfig } from '@offramp/shared';
import { z } from 'zod';

/** How the controller is told what to do, from file, environment and flags. */
export const controllerConfig = defineConfig('controller', {
  nats: commonOptions.nats,
  logLevel: commonOptions.logLevel,
  listen: addressSchema.optional().meta({
    description:
      'Where the HTTP API and the dashboard listen: host:port (port 0 takes a free one) or unix:/path',
    fallback: 'no HTTP API',
  }),
  tokenFile: z.string().optional().meta({
    description:
      'File with the token that clients of the HTTP API have to show; OFFRAMP_CONTROLLER_TOKEN may hold it instead',
    fallback: 'no token, which only loopback addresses and Unix sockets allow',
  }),
  waitForNats: z
    .boolean()
    .default(false)
    .describe('Wait for a NATS server that does not answer at start, instead of ending with an error'),
  telemetryMaxAgeMs: z
    .number()
    .int()
    .min(1_000)
    .default(defaultTelemetryRetention.maxAgeMs)
    .describe('How long reports stay in NATS, and a silent device in the list, in milliseconds'),
  telemetryMaxBytes: z
    .number()
    .int()
    .min(2 ** 20)
    .default(defaultTelemetryRetention.maxBytes)
    .describe('Reports that NATS keeps, the newest, in bytes'),
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
    .default(3)
    .describe('Silence after which a device is offline, in windows of its reports'),
  offlineAfterMinMs: z
    .number()
    .int()
    .min(0)
    .default(15_000)
    .describe('How long a device is silent at least before it is offline, in milliseconds'),
  deviceEvidenceMs: z
    .number()
    .int()
    .min(1_000)
    .default(600_000)
    .describe('How far back the evidence of a single device reaches, in milliseconds'),
  maxDevices: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .describe('Devices in the register, at most; beyond that a new one replaces one that is offline'),
  bundle: z.array(z.string()).default([]).meta({
    description: 'Bundle folders whose calibration tables all controllers get, through NATS',
    fallback: 'none',
  }),
  instanceName: z
    .string()
    .min(1)
    .max(100)
    .default(`${hostname()}-${process.pid}`)
    .meta({ description: 'Names this controller where several run', fallback: 'host and process' }),
  leaseTtlMs: z
    .number()
    .int()
    .min(500)
    .max(600_000)
    .default(5_000)
    .describe('Silence of the controller that leads after which another does, in milliseconds'),
  tuneEveryMs: z
    .number()
    .int()
    .min(50)
    .max(600_000)
    .default(2_000)
    .describe('How often new evidence is looked at to set thresholds by, in milliseconds'),
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
    .describe('Samples that have to speak for lower thresholds before more devices get them'),
  webhook: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({
      description: 'URL that gets every event of the fleet as JSON, by POST',
      fallback: 'none',
    }),
});
