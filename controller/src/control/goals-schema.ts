import { OfframpError } from '@offramp/shared';
import { z } from 'zod';
import type { Goal } from '../tuner/goals.js';

const between = (what: string, isGood: (value: number) => boolean) =>
  z
    .number({ error: ({ input }) => `expected ${what}; found ${JSON.stringify(input)}` })
    .refine(isGood, { error: ({ input }) => `expected ${what}; found ${input}` });

const openShare = (such: string) =>
  between(`a share in (0, 1), such as ${such}`, (value) => value > 0 && value < 1);

const goalSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('agreement'), floor: openShare('0.98') }),
  z.strictObject({
    kind: z.literal('offload'),
    ceiling: between('a share from 0 to 1, such as 0.2', (value) => value >= 0 && value <= 1),
  }),
  z.strictObject({
    kind: z.literal('cloudSeconds'),
    perSecond: between('seconds per second, from 0 to 1000000', (value) => value >= 0 && value <= 1e6),
  }),
  z.strictObject({
    kind: z.literal('latency'),
    targetMs: between('milliseconds above 0, up to an hour', (value) => value > 0 && value <= 3_600_000),
    quantile: openShare('0.95'),
  }),
]);

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
  const parsed = z.array(goalSchema).max(4).safeParse(goals);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      ({ path, message }) => `${path.slice(1).join('.') || 'goals'}: ${message}`,
    );
    throw new OfframpError('CONFIG_INVALID', `goals that cannot be: ${[...new Set(issues)].join('; ')}`);
  }
  const twice = parsed.data.find(({ kind }, i) => parsed.data.findIndex((goal) => goal.kind === kind) < i);
  if (twice)
    throw new OfframpError('CONFIG_INVALID', `expected one goal of each kind; found two of ${twice.kind}`);
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
