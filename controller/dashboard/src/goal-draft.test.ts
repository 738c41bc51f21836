import { describe, expect, it } from 'vitest';
import type { ApiGoal } from '../../src/http/schemas/index.js';
import {
  draftOf,
  type GoalDraft,
  type GoalKind,
  goalsInWords,
  goalsOf,
  problemOf,
  raised,
} from './goal-draft.js';

const goals: ApiGoal[] = [
  { kind: 'latency', targetMs: 80, quantile: 0.95 },
  { kind: 'agreement', floor: 0.973 },
];

describe('goals in a form', () => {
  it('are unchanged by a round trip, in order', () => {
    expect(goalsOf(draftOf(goals))).toEqual(goals);
    expect(draftOf(goals).map(({ kind, wanted }) => [kind, wanted])).toEqual([
      ['latency', true],
      ['agreement', true],
      ['offload', false],
      ['cloudSeconds', false],
    ]);
  });

  it('can be raised above others', () => {
    expect(goalsOf(raised(draftOf(goals), 1))).toEqual([goals[1], goals[0]]);
    expect(raised(draftOf(goals), 0)).toEqual(draftOf(goals));
  });

  it('convert percentages to shares', () => {
    const drafts = draftOf([]).map((draft) => ({ ...draft, wanted: true }));
    expect(goalsOf(drafts)).toEqual([
      { kind: 'agreement', floor: 0.98 },
      { kind: 'offload', ceiling: 0.2 },
      { kind: 'cloudSeconds', perSecond: 1 },
      { kind: 'latency', targetMs: 80, quantile: 0.95 },
    ]);
  });

  it('are rejected if the input is implausible', () => {
    const draft = (kind: GoalKind, value: string, quantile = '95'): GoalDraft => ({
      ...{ kind, value, quantile, wanted: true },
    });
    const problem = (kind: GoalKind, value: string, quantile?: string) =>
      problemOf(draft(kind, value, quantile), []);
    expect(problem('agreement', '0.98')).toMatchObject({
      ...{ field: 'value', meant: '98', text: expect.stringContaining('Did you mean 98 %?') },
    });
    expect(problem('agreement', '20')).toMatchObject({ meant: null, text: expect.stringContaining('20 %') });
    expect(problem('latency', '80', '0.95')).toMatchObject({ field: 'quantile', meant: '95' });
    for (const [kind, value, text] of [
      ['agreement', '', 'expected a percentage'],
      ['agreement', '100', 'found 100'],
      ['agreement', '0', 'found 0'],
      ['offload', '101', 'expected 0 to 100 % of samples, found 101'],
      ['cloudSeconds', '-1', 'found -1'],
      ['latency', '0', 'more than 0 ms, found 0'],
    ] as const) {
      expect([value, problem(kind, value)]).toEqual([
        value,
        { field: 'value', meant: null, text: expect.stringContaining(text) },
      ]);
    }
    for (const [kind, value] of [
      ...[['agreement', '98'] as const, ['agreement', '50'] as const, ['offload', '0.5'] as const],
      ...[['cloudSeconds', '0'] as const, ['latency', '0.5'] as const],
    ]) {
      expect([kind, value, problem(kind, value)]).toEqual([kind, value, null]);
    }
    // Goals that are not wanted, and goals that the group has already, are not checked.
    expect(problemOf({ ...draft('agreement', ''), wanted: false }, [])).toBeNull();
    expect(problemOf(draft('agreement', '40'), [{ kind: 'agreement', floor: 0.4 }])).toBeNull();
  });

  it('have a text', () => {
    expect(goalsInWords(goals)).toBe('95 % of answers within 80 ms, agreement at least 97.3 %');
  });
});
