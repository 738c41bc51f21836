import { expectedFound, goalLimits, type NumberLimit, OfframpError } from '@offramp/shared';
import { z } from 'zod';
import type { Goal } from '../tuner/goals.js';

/** A number within its limit; whatever is wrong with it is said in the limit's words. */
function numberWithin({ expected, above, least, below, most }: NumberLimit): z.ZodNumber {
  const error = ({ input }: { input?: unknown }) => expectedFound(expected, input);
  let schema = z.number({ error });
  if (above !== undefined) schema = schema.gt(above, { error });
  if (least !== undefined) schema = schema.gte(least, { error });
  if (below !== undefined) schema = schema.lt(below, { error });
  if (most !== undefined) schema = schema.lte(most, { error });
  return schema;
}

/** Of one kind; what else there is of it is said in words of ours, too. */
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

/** A goal, as people, the bucket and the HTTP API have it. */
export const goalSchema = z.discriminatedUnion(
  'kind',
  [
    goalOf('agreement', {
      floor: numberWithin(goalLimits.floor).describe("Share of answers that are the whole model's, at least"),
    }),
    goalOf('offload', {
      ceiling: numberWithin(goalLimits.ceiling).describe('Share of samples that go to the cloud, at most'),
    }),
    goalOf('cloudSeconds', {
      perSecond: numberWithin(goalLimits.perSecond).describe("Seconds of workers' time in a second, at most"),
    }),
    goalOf('latency', {
      targetMs: numberWithin(goalLimits.targetMs),
      quantile: numberWithin(goalLimits.quantile).describe('Share of answers that take no longer'),
    }),
  ],
  {
    error: (issue) =>
      issue.code === 'invalid_union'
        ? expectedFound(`a kind, one of ${kinds.join(', ')}`, kindOf(issue.input))
        : expectedFound('a goal', issue.input),
  },
);

/** Goals as somebody asks for them. */
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
  /** Of the record before, see `GroupGoals`; 0: there was none. */
  afterRevision: z.number().int().nonnegative(),
  /** The group's newest policy at that time; 0: none. */
  afterPolicy: z.number().int().nonnegative(),
});

/** What somebody has asked for, by itself: the controller may look only when others have asked for more. */
export type GoalsChange = z.infer<typeof changeSchema>;

/** A record of goals as it stands in the bucket. */
export const goalsRecordSchema = z.object({
  goals: z.array(goalSchema),
  mode: modeSchema,
  author: z.string(),
  reason: z.string(),
  /** The newest ones, oldest first. */
  changes: z.array(changeSchema),
});

export const maxAuthorLength = 100;
export const maxReasonLength = 500;

/**
 * Goals as somebody asks for them.
 * @throws OfframpError `CONFIG_INVALID`
 */
export function checkGoals(goals: readonly unknown[]): Goal[] {
  const parsed = goalListSchema.safeParse(goals);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      ({ path, message }) => `${path.slice(1).join('.') || 'goals'}: ${message}`,
    );
    throw new OfframpError('CONFIG_INVALID', `goals that cannot be: ${[...new Set(issues)].join('; ')}`);
  }
  return parsed.data;
}

/** @throws OfframpError `CONFIG_INVALID` */
export function checkBy({ author, reason }: { author: string; reason: string }): void {
  for (const [what, text, most] of [
    ['author', author, maxAuthorLength],
    ['reason', reason, maxReasonLength],
  ] as const) {
    if (text.length > most) {
      throw new OfframpError(
        'CONFIG_INVALID',
        `${what}: expected at most ${most} characters, found ${text.length}`,
      );
    }
  }
}
