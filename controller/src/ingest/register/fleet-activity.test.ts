import { describe, expect, it } from 'vitest';
import { checkedReport } from '../../testing/sample-report.js';
import { FleetActivity } from './fleet-activity.js';

const minute = 60_000;
const newActivity = (maxGroups = 10) => new FleetActivity({ windowMs: 5 * minute, maxGroups });

describe('FleetActivity', () => {
  it('is empty at first', () => {
    expect(newActivity().activity('cameras')).toMatchObject({
      ...{ windowMs: 0, samples: 0, exits: [], latencyP50Ms: null, latencyP99Ms: null },
    });
  });

  it('sums the activity of a group’s devices, in any order', () => {
    const activity = newActivity();
    const start = 100 * minute;
    activity.add(checkedReport({ exits: [6, 3, 1], latenciesMs: [10, 10] }), start + 25_000);
    activity.add(checkedReport({ device: 'cam-2', exits: [2, 0, 0], latenciesMs: [10, 40] }), start);
    activity.add(checkedReport({ group: 'doors', exits: [0, 5] }), start + 30_000);
    const seen = activity.activity('cameras');
    expect(seen).toMatchObject({ windowMs: 30_000, samples: 12, exits: [8, 3, 1], offloaded: 1 });
    expect(seen.latencyP50Ms).toBeCloseTo(10, 0);
    expect(activity.activity('doors')).toMatchObject({ samples: 5, exits: [0, 5], latencyP50Ms: null });
  });

  it('sums refusals of workers over all policies', () => {
    const activity = newActivity();
    const under = (policyVersion: number, refusedByWorker: number) => ({
      ...{ policyVersion, refusedByWorker, samples: 5, degraded: 5 },
    });
    activity.add(checkedReport({ evidence: [under(1, 2), under(2, 3)] }), minute);
    activity.add(checkedReport({ sequence: 2, evidence: [under(2, 1)] }), 2 * minute);
    expect(activity.activity('cameras').refusedByWorker).toBe(6);
  });

  it('drops activity before its window, even without new reports of the group', () => {
    const activity = newActivity();
    activity.add(checkedReport({ exits: [6, 3, 1], latenciesMs: [10] }), 0);
    activity.add(checkedReport({ exits: [1, 1, 1] }), 4 * minute);
    expect(activity.activity('cameras').samples).toBe(13);
    activity.add(checkedReport({ group: 'doors' }), 8 * minute);
    expect(activity.activity('cameras')).toMatchObject({ samples: 3, exits: [1, 1, 1], latencyP50Ms: null });
    activity.add(checkedReport({ exits: [9, 9, 9] }), 1_000);
    expect(activity.activity('cameras').samples).toBe(3);
  });

  it('keeps the most recently reported groups', () => {
    const activity = newActivity(2);
    for (const group of ['a', 'b', 'a', 'c']) activity.add(checkedReport({ group, exits: [1, 0] }), minute);
    expect(['a', 'b', 'c'].map((group) => activity.activity(group).samples)).toEqual([2, 0, 1]);
  });
});
