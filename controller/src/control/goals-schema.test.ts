import { describe, expect, it } from 'vitest';
import { checkBy, checkGoals } from './goals-schema.js';

describe('checkGoals', () => {
  it('takes goals of every kind, in their order', () => {
    const goals = [
      { kind: 'latency', targetMs: 80, quantile: 0.95 },
      { kind: 'agreement', floor: 0.98 },
      { kind: 'cloudSeconds', perSecond: 0 },
      { kind: 'offload', ceiling: 1 },
    ];
    expect(checkGoals(goals)).toEqual(goals);
    expect(checkGoals([])).toEqual([]);
  });

  it.each([
    [[{ kind: 'agreement', floor: 1 }], 'floor'],
    [[{ kind: 'agreement' }], 'floor'],
    [[{ kind: 'offload', ceiling: -0.1 }], 'ceiling'],
    [[{ kind: 'latency', targetMs: Number.NaN, quantile: 0.9 }], 'targetMs'],
    [[{ kind: 'speed' }], 'kind'],
    [['fast'], 'goals'],
    [
      [
        { kind: 'offload', ceiling: 0.1 },
        { kind: 'offload', ceiling: 0.2 },
      ],
      'two of offload',
    ],
  ])('refuses %j', (goals, message) => {
    expect(() => checkGoals(goals)).toThrow(message);
    expect(() => checkGoals(goals)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});

it('refuses a reason without end', () => {
  expect(() => checkBy({ author: '', reason: 'x'.repeat(501) })).toThrow(
    'reason: expected at most 500 characters',
  );
});
