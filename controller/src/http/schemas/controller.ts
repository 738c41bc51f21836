import { z } from 'zod';
import { count, instant } from './fields.js';
import { named } from './schema-registry.js';

export const workerSchema = named(
  'Worker',
  z.object({
    worker: z.string(),
    utilisation: z.number().min(0).describe('Offered work over capacity'),
    queued: count,
    maxQueue: count,
    threads: count,
    answeredPerSecond: z.number().min(0),
    refusedPerSecond: z.number().min(0),
    streams: count,
    lastSeenMsAgo: z.number().min(0),
  }),
);
export const workersSchema = named('Workers', z.object({ workers: z.array(workerSchema) }));

export const leaderSchema = named(
  'Leader',
  z.object({ leader: z.object({ instance: z.string(), since: instant }).nullable() }),
);

export const healthSchema = named(
  'Health',
  z.object({
    status: z.string(),
    waitsFor: z.string().optional().describe('What is missing, and comes by itself'),
  }),
);

export const errorSchema = named(
  'Error',
  z.object({
    error: z.object({
      code: z.string().describe('A stable code'),
      message: z.string(),
      hint: z.string().optional(),
      retryAfterMs: z.number().optional(),
    }),
  }),
);

export type ApiWorker = z.output<typeof workerSchema>;
