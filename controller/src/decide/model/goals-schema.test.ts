import { describe, expect, it } from 'vitest';
import { checkGoals } from './goals-schema.js';

describe('checkGoals', () => {
  it('accepts goals of every kind, in order', () => {
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
    [[{ kind: 'agreement', floor: 1 }], 'floor: expected a share in (0, 1), such as 0.98; found 1'],
    [[{ kind: 'agreement', floor: 'high' }], 'floor: expected a share in (0, 1), such as 0.98; found "high"'],
    [[{ kind: 'agreement' }], 'floor: expected a share in (0, 1), such as 0.98; found nothing'],
    [[{ kind: 'agreement', floor: 0.9, flor: 1 }], 'expected kind, floor; found flor'],
    [[{ kind: 'offload', ceiling: -0.1 }], 'ceiling: expected a share from 0 to 1, such as 0.2; found -0.1'],
    [[{ kind: 'cloudSeconds', perSecond: -1 }], 'perSecond: expected seconds per second'],
    [[{ kind: 'latency', targetMs: Number.NaN, quantile: 0.9 }], 'targetMs'],
    [
      [{ kind: 'speed' }],
      'kind: expected a kind, one of agreement, offload, cloudSeconds, latency; found "speed"',
    ],
    [['fast'], 'goals: expected a goal; found "fast"'],
    [Array(5).fill({ kind: 'offload', ceiling: 1 }), 'goals: expected at most 4 goals; found 5'],
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
