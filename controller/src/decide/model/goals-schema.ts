import { expectedFound, goalLimits, type NumberLimit } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import { z } from 'zod';
import type { Goal } from './goals.js';

/** A number within its limit. Every error uses the limit's description. */
function numberWithin({ expected, above, least, below, most }: NumberLimit): z.ZodNumber {
  const error = ({ input }: { input?: unknown }) => expectedFound(expected, input);
  let schema = z.number({ error });
  if (above !== undefined) schema = schema.gt(above, { error });
  if (least !== undefined) schema = schema.gte(least, { error });
  if (below !== undefined) schema = schema.lt(below, { error });
  if (most !== undefined) schema = schema.lte(most, { error });
  return schema;
}

/** The schema of one kind of goal, with our own message for unknown keys. */
function goalOf<Kind extends Goal['kind'], Shape extends z.ZodRawShape>(kind: Kind, shape: Shape) {
  const known = ['kind', ...Object.keys(shape)].join(', ');
  return z.strictObject(
    { kind: z.literal(kind), ...shape },
    {
      error: (issue) =>
        issue.code === 'unrecognized_keys' ? `expected ${known}; found ${issue.keys.join(', ')}` : undefined,
    },
  );
}

const kinds = ['agreement', 'offload', 'cloudSeconds', 'latency'] as const satisfies readonly Goal['kind'][];

/** A goal, as in requests, in the bucket and in the HTTP API. */
export const goalSchema = z.discriminatedUnion(
  'kind',
  [
    goalOf('agreement', {
      floor: numberWithin(goalLimits.floor).describe(
        'Minimum share of answers that agree with the whole model',
      ),
    }),
    goalOf('offload', {
      ceiling: numberWithin(goalLimits.ceiling).describe('Maximum share of samples that go to the cloud'),
    }),
    goalOf('cloudSeconds', {
      perSecond: numberWithin(goalLimits.perSecond).describe("Maximum seconds of workers' time per second"),
    }),
    goalOf('latency', {
      targetMs: numberWithin(goalLimits.targetMs),
      quantile: numberWithin(goalLimits.quantile).describe('Share of answers within the target'),
    }),
  ],
  {
    error: (issue) =>
      issue.code === 'invalid_union'
        ? expectedFound(`a kind, one of ${kinds.join(', ')}`, kindOf(issue.input))
        : expectedFound('a goal', issue.input),
  },
);

/** Goals as requested. */
export const goalListSchema = z
  .array(goalSchema, { error: ({ input }) => expectedFound('a list of goals', input) })
  .max(kinds.length, {
    error: ({ input }) => expectedFound(`at most ${kinds.length} goals`, (input as unknown[]).length),
  })
  .refine((goals) => twiceIn(goals) === undefined, {
    error: ({ input }) => `expected one goal of each kind; found two of ${twiceIn(input as Goal[])}`,
  });

function twiceIn(goals: readonly Goal[]): Goal['kind'] | undefined {
  return goals.find(({ kind }, i) => goals.findIndex((goal) => goal.kind === kind) < i)?.kind;
}

function kindOf(input: unknown): unknown {
  return typeof input === 'object' && input !== null && 'kind' in input ? input.kind : undefined;
}

export const modeSchema = z.enum(['auto', 'pinned', 'frozen']);

const changeSchema = z.object({
  what: z.enum(['goals', 'mode']),
  goals: z.array(goalSchema),
  mode: modeSchema,
  author: z.string(),
  reason: z.string(),
  /** Revision of the previous record, see `GroupGoals`; 0: there was none. */
  afterRevision: z.number().int().nonnegative(),
  /** The group's newest policy at that time; 0: none. */
  afterPolicy: z.number().int().nonnegative(),
  /** Of the request; empty: it was made without one. */
  requestId: z.string().default(''),
});

/** One change by an operator. Several may be made between two steps of the controller. */
export type GoalsChange = z.infer<typeof changeSchema>;

/** A record of goals as stored in the bucket. */
export const goalsRecordSchema = z.object({
  goals: z.array(goalSchema),
  mode: modeSchema,
  author: z.string(),
  reason: z.string(),
  /** The newest ones, oldest first. */
  changes: z.array(changeSchema),
});

/**
 * Checks requested goals.
 * @throws OfframpError `CONFIG_INVALID`
 */
export function checkGoals(goals: readonly unknown[]): Goal[] {
  const parsed = goalListSchema.safeParse(goals);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      ({ path, message }) => `${path.slice(1).join('.') || 'goals'}: ${message}`,
    );
    throw new OfframpError('CONFIG_INVALID', `invalid goals: ${[...new Set(issues)].join('; ')}`);
  }
  return parsed.data;
}
