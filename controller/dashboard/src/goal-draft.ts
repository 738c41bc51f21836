import type { ApiGoal } from '../../src/http/schemas/index.js';

export type GoalKind = ApiGoal['kind'];

/** A goal in the form: texts, and whether it is wanted. */
export interface GoalDraft {
  kind: GoalKind;
  wanted: boolean;
  value: string;
  /** Percentage of answers; only for latency goals. */
  quantile: string;
}

const defaults: Record<GoalKind, Omit<GoalDraft, 'kind' | 'wanted'>> = {
  agreement: { value: '98', quantile: '' },
  offload: { value: '20', quantile: '' },
  cloudSeconds: { value: '1', quantile: '' },
  latency: { value: '80', quantile: '95' },
};
const kinds = Object.keys(defaults) as GoalKind[];

/** The existing goals, the most important first, then the other kinds. */
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

/** A field's error, and the value that was probably meant. */
export interface GoalProblem {
  field: 'value' | 'quantile';
  text: string;
  /** Suggested value; `null`: none. */
  meant: string | null;
}

/** A lower value is hardly ever meant; probably a share was entered instead of a percentage. */
const leastLikelyPercent = 50;
const mostCloudSeconds = 1_000_000;
const mostLatencyMs = 3_600_000;

/**
 * Why a goal cannot be set as entered; `null` if it can.
 * @param present the group's current goals, which are always accepted
 */
export function problemOf(draft: GoalDraft, present: readonly ApiGoal[]): GoalProblem | null {
  const { kind, wanted, value, quantile } = draft;
  const same = draftOf(present).find((other) => other.kind === kind && other.wanted);
  const within = (least: number, most: number, unit: string): GoalProblem | null =>
    value.trim() !== '' && Number(value) >= least && Number(value) <= most
      ? null
      : problem('value', `expected ${number(least)} to ${number(most)} ${unit}${found(value)}.`);
  if (!wanted) return null;
  switch (kind) {
    case 'agreement':
      return value === same?.value ? null : problemOfPercent('value', value, (wrong) => wrong, '98');
    case 'offload':
      return within(0, 100, '% of samples');
    case 'cloudSeconds':
      return within(0, mostCloudSeconds, 'seconds of work per second');
    case 'latency':
      if (!(Number(value) > 0)) {
        return problem('value', `expected more than 0 ms${found(value)}.`);
      }
      return (
        within(0, mostLatencyMs, 'ms') ??
        (quantile === same?.quantile
          ? null
          : problemOfPercent('quantile', quantile, (wrong) => `${wrong} of answers`, '95'))
      );
  }
}

function problemOfPercent(
  field: GoalProblem['field'],
  text: string,
  inWords: (percent: string) => string,
  example: string,
): GoalProblem | null {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < 100)) {
    return problem(field, `expected a percentage below 100, such as ${example}${found(text)}.`);
  }
  if (value >= leastLikelyPercent) return null;
  const asShare = 100 * value;
  const meant = asShare >= leastLikelyPercent && asShare < 100 ? percent(value) : null;
  const question = meant === null ? `Expected ${leastLikelyPercent} % or more.` : `Did you mean ${meant} %?`;
  return problem(field, `${inWords(`${text} %`)} is implausibly low, so it is not set. ${question}`, meant);
}

const problem = (field: GoalProblem['field'], text: string, meant: string | null = null): GoalProblem => ({
  ...{ field, text, meant },
});
const found = (text: string) => (text.trim() === '' ? '' : `, found ${text}`);
const number = (value: number) => value.toLocaleString('en');

/** Goals as text. */
export function goalsInWords(goals: readonly ApiGoal[]): string {
  return goals.map(goalInWords).join(', ');
}

function goalInWords(goal: ApiGoal): string {
  switch (goal.kind) {
    case 'agreement':
      return `agreement at least ${percent(goal.floor)} %`;
    case 'offload':
      return `at most ${percent(goal.ceiling)} % to the cloud`;
    case 'cloudSeconds':
      return `at most ${goal.perSecond} s of cloud time per second`;
    case 'latency':
      return `${percent(goal.quantile)} % of answers within ${goal.targetMs} ms`;
  }
}

/** The goals of a form for which `problemOf` finds no error. */
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

/** Moves a goal one place up in priority. */
export function raised(drafts: readonly GoalDraft[], index: number): GoalDraft[] {
  const next = [...drafts];
  const [draft] = next.splice(index, 1);
  if (draft) next.splice(Math.max(0, index - 1), 0, draft);
  return next;
}

// Rounded, because 97.3 / 100 is 0.9730000000000001.
const share = (text: string) => Number((Number(text) / 100).toPrecision(12));
const percent = (value: number) => String(Number((value * 100).toPrecision(12)));
