import type { Goal } from '@offramp/controller';
import { OfframpError } from '@offramp/shared';

/** Goals as flags have them. */
export interface GoalOptions {
  agreement?: number | undefined;
  offload?: number | undefined;
  latency?: string | undefined;
  cloudSeconds?: number | undefined;
}

const defaultQuantile = 0.95;
const names = ['agreement', 'offload', 'latency', 'cloudSeconds'] as const;

/**
 * @param given options in the order in which they were given, the most important one first; those that are missing
 *   there, since they come from file or environment, follow
 * @throws OfframpError `CONFIG_INVALID`, `USAGE` where there are none
 */
export function goalsOf(options: GoalOptions, given: readonly string[]): Goal[] {
  const ordered = [...given, ...names].filter((name, i, all) => all.indexOf(name) === i);
  const goals = ordered.flatMap((name) => goalOf(name, options));
  if (goals.length > 0) return goals;
  throw new OfframpError('USAGE', 'expected at least one goal', {
    hint: 'For example --agreement 0.98, --offload 0.2, --latency 80ms or --cloud-seconds 0.5; the first one is the most important. `offramp fleet goal clear` removes all.',
  });
}

function goalOf(name: string, { agreement, offload, latency, cloudSeconds }: GoalOptions): Goal[] {
  if (name === 'agreement' && agreement !== undefined) {
    if (agreement > 0 && agreement < 1) return [{ kind: 'agreement', floor: agreement }];
    throw wrong('--agreement', 'a share in (0, 1), such as 0.98', agreement, asShare(agreement, 50));
  }
  if (name === 'offload' && offload !== undefined) {
    if (offload >= 0 && offload <= 1) return [{ kind: 'offload', ceiling: offload }];
    throw wrong('--offload', 'a share from 0 to 1, such as 0.2', offload, asShare(offload, 1));
  }
  if (name === 'cloudSeconds' && cloudSeconds !== undefined) {
    if (cloudSeconds >= 0) return [{ kind: 'cloudSeconds', perSecond: cloudSeconds }];
    throw wrong('--cloud-seconds', 'seconds per second, from 0', cloudSeconds);
  }
  return name === 'latency' && latency !== undefined ? [latencyGoal(latency)] : [];
}

/** What somebody may have meant who has given percent. */
function asShare(value: number, leastPercent: number): number | undefined {
  return value >= leastPercent && value < 100 ? Number((value / 100).toPrecision(12)) : undefined;
}

function wrong(flag: string, expected: string, found: number, meant?: number): OfframpError {
  const hint = meant === undefined ? {} : { hint: `Did you mean ${flag} ${meant}?` };
  return new OfframpError('CONFIG_INVALID', `${flag}: expected ${expected}; found ${found}`, hint);
}

/** `80ms`, `1.5s`, `80ms:0.99` */
function latencyGoal(text: string): Goal {
  const match = /^(\d+(?:\.\d+)?)(ms|s)(?::(0?\.\d+))?$/.exec(text);
  if (!match) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--latency: expected a time like 80ms or 1.5s, and the share of answers that keep it, like 80ms:0.95; found ${JSON.stringify(text)}`,
    );
  }
  const targetMs = Number(match[1]) * (match[2] === 's' ? 1_000 : 1);
  const quantile = match[3] ? Number(match[3]) : defaultQuantile;
  if (targetMs > 0 && quantile > 0) return { kind: 'latency', targetMs, quantile };
  throw new OfframpError(
    'CONFIG_INVALID',
    `--latency: expected a time above 0, and a share in (0, 1); found ${JSON.stringify(text)}`,
  );
}

/** As it would be asked for: `--agreement 0.98`. */
export function goalAsOption(goal: Goal): string {
  switch (goal.kind) {
    case 'agreement':
      return `--agreement ${goal.floor}`;
    case 'offload':
      return `--offload ${goal.ceiling}`;
    case 'cloudSeconds':
      return `--cloud-seconds ${goal.perSecond}`;
    case 'latency':
      return `--latency ${goal.targetMs}ms:${goal.quantile}`;
  }
}
