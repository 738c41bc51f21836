import { z } from 'zod';
import { count, countersSchema, exitCounts, nameSchema, next } from './fields.js';
import { named } from './schema-registry.js';

const windowSchema = named(
  'Window',
  z.object({
    ...countersSchema,
    exits: exitCounts,
    agreement: z.array(z.object({ compared: count, agreed: count })),
    encodings: z.array(z.object({ encoding: count, samples: count, bytes: count })),
  }),
);

export const deviceStandingSchema = z.enum([
  'ok',
  'canary',
  'outlier',
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
      "offline; failing: it cannot apply its policy, or cannot answer; degraded: the cloud does not answer it; outlier: it has its own thresholds; canary; behind: it does not follow its group's policy, or not yet; ok",
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
    policyError: z.string().describe('Why it refused the newest policy; empty: it did not'),
    policyErrorCode: z.string(),
    thresholds: z.array(z.number()),
    auditRate: z.number(),
    maxAuditBytesPerHour: count,
    total: windowSchema,
    latest: windowSchema,
    latestWindowMs: count,
    latencyP50Ms: z.number().describe('0 before the first answer'),
    latencyP99Ms: z.number(),
    reportsMissing: count,
    countedFromSequence: count,
    staleReports: count.describe(
      'Recent reports of earlier boots; if they continue, two agents have the same name',
    ),
  }),
);
export const devicesSchema = named(
  'Devices',
  z.object({
    devices: z.array(deviceSchema).describe('Ordered by group, then by name'),
    next,
  }),
);

export type ApiDevice = z.output<typeof deviceSchema>;
export type DeviceStanding = z.output<typeof deviceStandingSchema>;
