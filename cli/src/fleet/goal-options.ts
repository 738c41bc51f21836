import { beyondLimit, goalLimits, type NumberLimit } from '@offramp/contracts';
import type { Goal } from '@offramp/controller';
import { OfframpError, quoted } from '@offramp/runtime';

/** Goals as options. */
export interface GoalOptions {
  agreement?: number | undefined;
  offload?: number | undefined;
  latency?: string | undefined;
  cloudSeconds?: number | undefined;
}

const defaultQuantile = 0.95;
const names = ['agreement', 'offload', 'latency', 'cloudSeconds'] as const;

/**
 * @param given flags in the order in which they were given, the most important one first. Options from the file or the
 *   environment follow
 * @throws OfframpError `CONFIG_INVALID`, `USAGE` without goals
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
    checkLimit('--agreement', goalLimits.floor, agreement, asShare(agreement, 50));
    return [{ kind: 'agreement', floor: agreement }];
  }
  if (name === 'offload' && offload !== undefined) {
    checkLimit('--offload', goalLimits.ceiling, offload, asShare(offload, 1));
    return [{ kind: 'offload', ceiling: offload }];
  }
  if (name === 'cloudSeconds' && cloudSeconds !== undefined) {
    checkLimit('--cloud-seconds', goalLimits.perSecond, cloudSeconds);
    return [{ kind: 'cloudSeconds', perSecond: cloudSeconds }];
  }
  return name === 'latency' && latency !== undefined ? [latencyGoal(latency)] : [];
}

/** The share that a percentage may have been meant for. */
function asShare(value: number, leastPercent: number): number | undefined {
  return value >= leastPercent && value < 100 ? Number((value / 100).toPrecision(12)) : undefined;
}

/** @throws OfframpError `CONFIG_INVALID` */
function checkLimit(flag: string, limit: NumberLimit, value: number, meant?: number): void {
  const problem = beyondLimit(limit, value);
  if (!problem) return;
  const hint = meant === undefined ? {} : { hint: `Did you mean ${flag} ${meant}?` };
  throw new OfframpError('CONFIG_INVALID', `${flag}: ${problem}`, hint);
}

/** `80ms`, `1.5s`, `80ms:0.99` */
function latencyGoal(text: string): Goal {
  const match = /^(\d+(?:\.\d+)?)(ms|s)(?::(0?\.\d+))?$/.exec(text);
  if (!match) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--latency: expected a time like 80ms or 1.5s, and the share of answers that keep it, like 80ms:0.95; found ${quoted(text)}`,
    );
  }
  const targetMs = Number(match[1]) * (match[2] === 's' ? 1_000 : 1);
  const quantile = match[3] ? Number(match[3]) : defaultQuantile;
  checkLimit('--latency', goalLimits.targetMs, targetMs);
  checkLimit('--latency', goalLimits.quantile, quantile);
  return { kind: 'latency', targetMs, quantile };
}

/** A goal as an option: `--agreement 0.98`. */
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
