import { z } from 'zod';
import { count, exitCounts, share } from './fields.js';
import { named } from './schema-registry.js';

const histogram = z.array(count).describe('One entry per bin');
export const evidenceSchema = named(
  'Evidence',
  z.object({
    windowMs: z.number().min(0),
    binStarts: z.array(share),
    bundles: z.array(
      z.object({
        bundleDigest: z.string(),
        branches: count,
        policies: z.array(
          z.object({
            policyVersion: count,
            samples: count,
            degraded: count,
            offloaded: count,
            refusedByWorker: count.describe('Samples of `degraded` that a worker refused'),
            left: exitCounts,
            late: exitCounts
              .nullable()
              .describe(
                'Samples of `left` that took longer than the latency target; null: there was no target',
              ),
            auditsChosen: count,
            audited: count,
            auditedFinal: count,
            auditBytes: count,
            auditsDropped: z.object({ busy: count, budget: count, failed: count }),
            exits: z.array(
              z.object({ histogram, audits: z.object({ agreed: histogram, disagreed: histogram }) }),
            ),
            records: count,
            recordsDropped: count,
            latency: z.object({
              samples: count,
              p50Ms: z.number().nullable(),
              p95Ms: z.number().nullable(),
              p99Ms: z.number().nullable(),
            }),
          }),
        ),
      }),
    ),
  }),
);

export type ApiEvidence = z.output<typeof evidenceSchema>;
