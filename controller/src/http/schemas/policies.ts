import { z } from 'zod';
import {
  author,
  count,
  instant,
  maxThresholds,
  nameSchema,
  reason,
  share,
  threshold,
  thresholds,
} from './fields.js';
import { named } from './schema-registry.js';

export const postPolicySchema = named(
  'PostPolicy',
  z.strictObject({
    thresholds: z
      .array(threshold)
      .min(1)
      .max(maxThresholds)
      .optional()
      .describe('One per branch, or a single one for every branch; absent: as they are'),
    auditRate: share.optional().describe('Share of samples that are audited; absent: as it is'),
    maxAuditBytesPerHour: count.optional().describe('Of one device; absent: as it is'),
    author,
    reason,
    expectedVersion: count
      .default(0)
      .describe('Take effect only if the newest policy has this number; 0: whatever it is'),
  }),
);

export const postRollbackSchema = named(
  'PostRollback',
  z.strictObject({ version: z.number().int().min(1), author, reason }),
);

export const policySchema = named(
  'Policy',
  z.object({
    group: nameSchema,
    version: count,
    thresholds,
    auditRate: share,
    maxAuditBytesPerHour: count,
    latencyTargetMs: z.number().nullable().describe('Answers that take longer are counted as late'),
    canaryShare: share.nullable().describe('Of devices that follow it; null: all do'),
    exceptions: z.array(z.string()).describe('Devices with thresholds of their own'),
    author: z.string(),
    reason: z.string(),
    setAt: instant,
    changes: z
      .array(z.object({ field: z.string(), before: z.string().nullable(), after: z.string() }))
      .describe('Against the policy before it; `before` is null in the first that is remembered'),
  }),
);
export const policiesSchema = named(
  'Policies',
  z.object({
    policies: z
      .array(policySchema)
      .describe('The newest first; one that was tried on ever more devices is here once for each time'),
  }),
);

export type ApiPolicy = z.output<typeof policySchema>;
