import { z } from 'zod';
import { leaderSchema, workersSchema } from './controller.js';
import { eventSchema } from './events.js';
import { groupSchema } from './groups.js';
import { named } from './schema-registry.js';

/** What the stream of server-sent events says: the names of its events, and the JSON of each. */
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
          'A letter a device, in the order of `names`: o ok, c canary, a apart, b behind, d degraded, f failing, x offline',
        ),
    }),
  ),
  workers: workersSchema,
  controller: named(
    'StreamController',
    z.object({
      connected: z.boolean().describe('Whether this controller is connected to NATS'),
      leader: leaderSchema.shape.leader,
    }),
  ),
  event: eventSchema,
  reset: named('StreamReset', z.object({ reason: z.string() })),
} as const;

export type StreamMessages = { [Name in keyof typeof streamSchemas]: z.output<(typeof streamSchemas)[Name]> };
