import { z } from 'zod';
import { modeSchema } from '../../decide/model/goals-schema.js';
import { count, countersSchema, exitCounts, instant, nameSchema, next, share, thresholds } from './fields.js';
import { goalsSchema } from './goals.js';
import { named } from './schema-registry.js';

export const factsSchema = named(
  'TuningFacts',
  z.object({
    agreement: share,
    agreementBound: share.describe('Lower bound of agreement, with 95 % certainty'),
    provenBy: z.enum(['table', 'audits']),
    cost: z.number().min(0).describe("Share of the whole model's multiply-accumulates"),
    offloadShare: share,
    exitShares: z.array(share),
    samples: z.number().min(0),
    records: z.number().min(0),
    tableSamples: z.number().min(0),
  }),
);

const driftSchema = named(
  'Drift',
  z.union([
    z.object({ kind: z.literal('confidence'), samples: z.number(), distance: share }),
    z.object({
      kind: z.literal('agreement'),
      samples: z.number(),
      audited: z.number(),
      disagreed: z.number(),
    }),
  ]),
);

const canarySchema = named(
  'Canary',
  z.object({
    ...{ policyVersion: count, share, samples: count, stableThresholds: thresholds },
    reach: z
      .object({ devices: count, online: count })
      .nullable()
      .describe('Devices that try it, of those online when they were chosen; null: not known'),
  }),
);

const policyGapSchema = named(
  'PolicyGap',
  z.object({
    policyVersion: count,
    reason: z
      .enum(['other-bundle', 'refused'])
      .describe('other-bundle: the policy is for another bundle; refused: the devices cannot apply it'),
    policyBundleDigest: z.string().describe('Empty unless `other-bundle`'),
    bundleDigest: z.string().describe('Of the devices; empty unless `other-bundle`'),
    bundleName: z.string(),
    error: z.string().describe('Of the devices; empty unless `refused`'),
    devices: count,
    names: z.array(z.string()).describe('The first of them'),
    text: z.string(),
  }),
);

export const statusSchema = named(
  'GroupStatus',
  z.object({
    group: nameSchema,
    mode: modeSchema,
    bundleDigest: z.string().nullable(),
    policyVersion: count.describe('0: none was set'),
    thresholds,
    auditRate: share,
    decidedAt: instant.nullable(),
    decision: z
      .object({
        reason: z.enum([
          'no-goal',
          'too-little-evidence',
          'drift',
          'not-proven',
          'over-ceiling',
          'cheaper',
          'safer',
          'aligned',
          'good-enough',
        ]),
        certainty: z.enum(['steady', 'settling', 'uncertain']),
        tableTrusted: z.boolean(),
        drift: driftSchema.nullable(),
        facts: factsSchema,
        unmet: z.array(z.string()),
      })
      .nullable(),
    canary: canarySchema.nullable(),
    exceptions: z.array(z.object({ device: z.string(), distance: share, thresholds })),
    policyGaps: z.array(policyGapSchema).describe('Online devices that do not follow the newest policy'),
    explanation: z.array(z.string()),
    problem: z.string().nullable(),
  }),
);

export const activitySchema = named(
  'Activity',
  z.object({
    windowMs: z.number().min(0).describe('Time covered: five minutes, less at first'),
    ...countersSchema,
    exits: exitCounts,
    refusedByWorker: count.describe('Samples of `degraded` that a worker refused'),
    bytesSaved: z
      .number()
      .int()
      .describe(
        '`inputBytes` less `offloadBytes`: negative where activations take more than sending every picture',
      ),
    latencyP50Ms: z.number().nullable(),
    latencyP99Ms: z.number().nullable(),
  }),
);

export const groupSchema = named(
  'Group',
  z.object({
    group: nameSchema,
    devices: count,
    online: count,
    bundles: z.array(z.string()).describe('Names of the bundles that devices report'),
    activity: activitySchema,
    status: statusSchema.nullable().describe('Null while it cannot be read'),
    goals: goalsSchema.nullable(),
  }),
);
export const groupsSchema = named(
  'Groups',
  z.object({ groups: z.array(groupSchema).describe('By name'), next }),
);

export type ApiStatus = z.output<typeof statusSchema>;
export type ApiActivity = z.output<typeof activitySchema>;
export type ApiGroup = z.output<typeof groupSchema>;
