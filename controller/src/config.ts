import { commonOptions, defaultTelemetryRetention, defineConfig } from '@offramp/shared';
import { z } from 'zod';

/** How the controller is told what to do, from file, environment and flags. */
export const controllerConfig = defineConfig('controller', {
  nats: commonOptions.nats,
  logLevel: commonOptions.logLevel,
  waitForNats: z
    .boolean()
    .default(false)
    .describe('Wait for a NATS server that does not answer at start, instead of ending with an error'),
  telemetryMaxAgeMs: z
    .number()
    .int()
    .min(1_000)
    .default(defaultTelemetryRetention.maxAgeMs)
    .describe('Milliseconds that reports are kept in NATS, and that a silent device stays in the list'),
  telemetryMaxBytes: z
    .number()
    .int()
    .min(2 ** 20)
    .default(defaultTelemetryRetention.maxBytes)
    .describe('Bytes of reports that NATS keeps, the newest'),
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
    .describe("A device is offline when it has been silent for this many of its reports' windows"),
  offlineAfterMinMs: z
    .number()
    .int()
    .min(0)
    .default(3_000)
    .describe('… but not before it has been silent for this many milliseconds'),
  maxDevices: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .describe('Devices in the register; beyond that a new one replaces one that is offline'),
});
