import { z } from 'zod';
import { goalListSchema, goalSchema } from '../../control/goals-schema.js';
import { author, count, instant, nameSchema, reason } from './fields.js';
import { named } from './schema-registry.js';

named('Goal', goalSchema);

export const modeSchema = named('ControlMode', z.enum(['auto', 'pinned', 'frozen']));

export const goalsSchema = named(
  'GroupGoals',
  z.object({
    group: nameSchema,
    goals: z.array(goalSchema).describe('The most important one first'),
    mode: modeSchema,
    revision: count.describe('For compare and set; 0: nothing was set'),
    author: z.string(),
    reason: z.string(),
    setAt: instant.nullable(),
  }),
);

export const putGoalsSchema = named(
  'PutGoals',
  z.strictObject({
    goals: goalListSchema.describe('The most important one first; each kind once at most'),
    author,
    reason,
    expectedRevision: count.default(0).describe('Take effect only on this revision; 0: whatever it is'),
  }),
);

export const putModeSchema = named('PutMode', z.strictObject({ mode: modeSchema, author, reason }));

export type ApiGoal = z.output<typeof goalSchema>;
export type ApiGoals = z.output<typeof goalsSchema>;
export type ControlModeName = z.output<typeof modeSchema>;
