import { z } from 'zod';
import { leaderSchema, workersSchema } from './controller.js';
import { eventSchema } from './events.js';
import { groupSchema } from './groups.js';
import { named } from './schema-registry.js';

/** The names of the stream's server-sent events, and the schema of each. */
export const streamSchemas = {
  hello: named('StreamHello', z.object({ version: z.string() })),
  group: groupSchema,
  gone: named('StreamGone', z.object({ group: z.string() })),
  names: named(
    'StreamNames',
    z.object({ group: z.string(), devices: z.array(z.string()).describe('By name') }),
  ),
  standings: named(
    'StreamStandings',
    z.object({
      group: z.string(),
      standings: z
        .string()
        .describe(
          'One letter per device, in the order of `names`: o ok, c canary, u outlier, b behind, d degraded, f failing, x offline',
        ),
    }),
  ),
  workers: workersSchema,
  controller: named(
    'StreamController',
    z.object({
      connected: z.boolean().describe('Whether this controller is connected to NATS'),
      problem: z.string().nullable().describe('Why it cannot do its work; null: it can'),
      leader: leaderSchema.shape.leader,
    }),
  ),
  event: eventSchema,
  reset: named('StreamReset', z.object({ reason: z.string() })),
} as const;

export type StreamMessages = { [Name in keyof typeof streamSchemas]: z.output<(typeof streamSchemas)[Name]> };
