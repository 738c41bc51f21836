import { describe, expect, it } from 'vitest';
import type { ApiGoal } from '../../src/http/schemas.js';
import { draftOf, goalsOf, raised } from './goal-draft.js';

const goals: ApiGoal[] = [
  { kind: 'latency', targetMs: 80, quantile: 0.95 },
  { kind: 'agreement', floor: 0.973 },
];

describe('goals in a form', () => {
  it('come out as they went in, in their order', () => {
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

  it('are shares of what people write in percent', () => {
    const drafts = draftOf([]).map((draft) => ({ ...draft, wanted: true }));
    expect(goalsOf(drafts)).toEqual([
      { kind: 'agreement', floor: 0.98 },
      { kind: 'offload', ceiling: 0.2 },
      { kind: 'cloudSeconds', perSecond: 1 },
      { kind: 'latency', targetMs: 80, quantile: 0.95 },
    ]);
  });
});
