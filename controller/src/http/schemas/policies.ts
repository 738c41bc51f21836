import { z } from 'zod';
import { rollBackInput, setPolicyInput } from '../../operations/policies.js';
import { count, instant, nameSchema, share, thresholds } from './fields.js';
import { named } from './schema-registry.js';

named('PostPolicy', setPolicyInput);
named('PostRollback', rollBackInput);

export const policySchema = named(
  'Policy',
  z.object({
    group: nameSchema,
    version: count,
    thresholds,
    bundleDigest: z
      .string()
      .nullable()
      .describe('The bundle that the thresholds are for; null: any with this number of branches'),
    auditRate: share,
    maxAuditBytesPerHour: count,
    latencyTargetMs: z.number().nullable().describe('Slower answers count as late'),
    canaryShare: share.nullable().describe('Share of devices that follow it; null: all'),
    exceptions: z.array(z.string()).describe('Devices with their own thresholds'),
    author: z.string(),
    reason: z.string(),
    setAt: instant,
    requestId: z.string().describe('Of the request that set it; empty: a controller set it'),
    changes: z
      .array(z.object({ field: z.string(), before: z.string().nullable(), after: z.string() }))
      .describe('Changes from the previous policy; `before` is null in the first one that is kept'),
  }),
);
export const policiesSchema = named(
  'Policies',
  z.object({
    policies: z.array(policySchema).describe('Newest first, with one entry for each step of a canary'),
  }),
);

export type ApiPolicy = z.output<typeof policySchema>;
