import { z } from 'zod';
import { goalSchema, modeSchema } from '../../decide/model/goals-schema.js';
import { setGoalsInput, setModeInput } from '../../operations/goals.js';
import { count, instant, nameSchema } from './fields.js';
import { named } from './schema-registry.js';

named('Goal', goalSchema);

named('ControlMode', modeSchema);

export const goalsSchema = named(
  'GroupGoals',
  z.object({
    group: nameSchema,
    goals: z.array(goalSchema).describe('Most important first'),
    mode: modeSchema,
    revision: count.describe('For compare-and-set; 0: nothing was set'),
    author: z.string(),
    reason: z.string(),
    setAt: instant.nullable(),
  }),
);

named('PutGoals', setGoalsInput);
named('PutMode', setModeInput);

export type ApiGoal = z.output<typeof goalSchema>;
export type ApiGoals = z.output<typeof goalsSchema>;
export type ControlModeName = z.output<typeof modeSchema>;
