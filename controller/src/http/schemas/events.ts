import { z } from 'zod';
import { count, instant } from './fields.js';
import { factsSchema } from './groups.js';
import { named } from './schema-registry.js';

export const eventSchema = named(
  'Event',
  z.object({
    sequence: count,
    at: instant,
    group: z.string().describe('Empty if it concerns no single group'),
    device: z.string().describe('Empty if it concerns no single device'),
    kind: z.enum([
      'goals-set',
      'mode-set',
      'policy',
      'canary',
      'widened',
      'promoted',
      'rolled-back',
      'drift',
      'goal-unmet',
      'goal-met',
      'degraded',
      'degraded-over',
      'device-deviates',
      'device-rejoined',
      'devices-silent',
      'devices-back',
      'workers-silent',
      'workers-back',
      'jetstream-back',
      'leader',
    ]),
    severity: z.enum(['info', 'warning']),
    text: z.string(),
    author: z.string(),
    policyVersion: count,
    thresholds: z.array(z.number()),
    explanation: z.array(z.string()),
    facts: factsSchema.nullable(),
  }),
);
export const eventsSchema = named(
  'Events',
  z.object({ events: z.array(eventSchema).describe('Newest first') }),
);

export type ApiEvent = z.output<typeof eventSchema>;
