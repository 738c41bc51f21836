import type { ApiGoal } from '../../src/http/schemas.js';

export type GoalKind = ApiGoal['kind'];

/** A goal as the form has it: texts, and whether it is wanted. */
export interface GoalDraft {
  kind: GoalKind;
  wanted: boolean;
  value: string;
  /** Of answers, in percent; of latency goals only. */
  quantile: string;
}

const defaults: Record<GoalKind, Omit<GoalDraft, 'kind' | 'wanted'>> = {
  agreement: { value: '98', quantile: '' },
  offload: { value: '20', quantile: '' },
  cloudSeconds: { value: '1', quantile: '' },
  latency: { value: '80', quantile: '95' },
};
const kinds = Object.keys(defaults) as GoalKind[];

/** The goals there are, the most important first, then those there could be. */
export function draftOf(goals: readonly ApiGoal[]): GoalDraft[] {
  const wanted = goals.map((goal): GoalDraft => ({ kind: goal.kind, wanted: true, ...textsOf(goal) }));
  const others = kinds.filter((kind) => !goals.some((goal) => goal.kind === kind));
  return [...wanted, ...others.map((kind): GoalDraft => ({ kind, wanted: false, ...defaults[kind] }))];
}

function textsOf(goal: ApiGoal): { value: string; quantile: string } {
  switch (goal.kind) {
    case 'agreement':
      return { value: percent(goal.floor), quantile: '' };
    case 'offload':
      return { value: percent(goal.ceiling), quantile: '' };
    case 'cloudSeconds':
      return { value: String(goal.perSecond), quantile: '' };
    case 'latency':
      return { value: String(goal.targetMs), quantile: percent(goal.quantile) };
  }
}

/** What the form says; the fields have seen to it that numbers are within bounds. */
export function goalsOf(drafts: readonly GoalDraft[]): ApiGoal[] {
  return drafts.filter(({ wanted }) => wanted).map(goalOf);
}

function goalOf({ kind, value, quantile }: GoalDraft): ApiGoal {
  switch (kind) {
    case 'agreement':
      return { kind, floor: share(value) };
    case 'offload':
      return { kind, ceiling: share(value) };
    case 'cloudSeconds':
      return { kind, perSecond: Number(value) };
    case 'latency':
      return { kind, targetMs: Number(value), quantile: share(quantile) };
  }
}

/** One place up, to be more important than the one before it. */
export function raised(drafts: readonly GoalDraft[], index: number): GoalDraft[] {
  const next = [...drafts];
  const [draft] = next.splice(index, 1);
  if (draft) next.splice(Math.max(0, index - 1), 0, draft);
  return next;
}

// Shares are a hundredth of what people write, but 97.3 / 100 is 0.9730000000000001 where it is not rounded.
const share = (text: string) => Number((Number(text) / 100).toPrecision(12));
const percent = (value: number) => String(Number((value * 100).toPrecision(12)));
