import { z } from 'zod';
import { count, exitCounts, nameSchema, next } from './fields.js';
import { named } from './schema-registry.js';

const windowSchema = named(
  'Window',
  z.object({
    samples: count,
    exits: exitCounts,
    offloaded: count,
    degraded: count,
    refused: count,
    failed: count,
    labelled: count,
    correct: count,
    offloadBytes: count,
    deviceMacs: count,
    cloudMacs: count,
    agreement: z.array(z.object({ compared: count, agreed: count })),
    encodings: z.array(z.object({ encoding: count, samples: count, bytes: count })),
    audited: count,
    auditsAgreed: count,
    auditsDropped: count,
    auditBytes: count,
  }),
);

export const deviceStandingSchema = z.enum([
  'ok',
  'canary',
  'apart',
  'behind',
  'degraded',
  'failing',
  'offline',
]);

export const deviceSchema = named(
  'Device',
  z.object({
    device: z.string(),
    group: nameSchema,
    standing: deviceStandingSchema.describe(
      "offline; failing: it cannot follow its policy, or cannot answer; degraded: the cloud does not answer it; apart: it has thresholds of its own; canary; behind: it has not taken up its group's policy; ok",
    ),
    online: z.boolean(),
    lastSeenMsAgo: z.number().min(0),
    lifecycle: z.enum(['unknown', 'running', 'draining', 'stopped']),
    cloudLink: z.enum(['unknown', 'unused', 'connected', 'down']),
    agentVersion: z.string(),
    bundleName: z.string(),
    bundleDigest: z.string(),
    branches: count,
    deviceStages: count,
    policyVersion: count,
    newestPolicyVersion: count,
    policyError: z.string(),
    thresholds: z.array(z.number()),
    auditRate: z.number(),
    maxAuditBytesPerHour: count,
    total: windowSchema,
    latest: windowSchema,
    latestWindowMs: count,
    latencyP50Ms: z.number().describe('0 while nothing was answered'),
    latencyP99Ms: z.number(),
    reportsMissing: count,
    countedFromSequence: count,
    staleReports: count.describe(
      'That came lately from boots that another has followed; where they keep coming, two agents have one name',
    ),
  }),
);
export const devicesSchema = named(
  'Devices',
  z.object({
    devices: z.array(deviceSchema).describe('In the order of their groups, then their names'),
    next,
  }),
);

export type ApiDevice = z.output<typeof deviceSchema>;
export type DeviceStanding = z.output<typeof deviceStandingSchema>;
