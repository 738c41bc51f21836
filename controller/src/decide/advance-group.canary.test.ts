import { describe, expect, it } from 'vitest';
import type { Goal } from './model/goals.js';
import { agreement, positionOf, rounds } from './testing/settled-fleet.js';
import { bundle, followed, SimulatedFleet } from './testing/simulated-fleet.js';

describe('a canary', () => {
  /** A fleet during a canary. */
  function trying(): SimulatedFleet {
    const fleet = new SimulatedFleet(10);
    fleet.startAt([2, 2]);
    fleet.want([agreement]);
    for (const _ of rounds(40)) {
      fleet.play();
      if (fleet.state.canary) return fleet;
    }
    throw new Error('no canary was started');
  }

  it('that does harm is rolled back automatically, and not tried again soon', () => {
    const fleet = trying();
    const { version, thresholds, canary } = fleet.policy ?? { version: 0, thresholds: [], canary: null };
    fleet.degradedShare = (followed) => (followed.join() === thresholds.join() ? 0.9 : 0);
    for (const _ of rounds(10)) {
      fleet.play(10);
      if (fleet.kinds().includes('rolled-back')) break;
    }
    expect(fleet.state.intent?.events.find(({ kind }) => kind === 'rolled-back')?.text).toMatch(
      /rolled back: \d.* of its samples were answered by a branch/,
    );
    expect(fleet.policy).toMatchObject({ version: version + 1, canary: null });
    expect(fleet.policy?.thresholds).toEqual(canary?.stable.thresholds);
    const samples = fleet.samples;
    for (const _ of rounds(20)) {
      fleet.play();
      if (fleet.samples < 2 * samples)
        expect(positionOf(fleet)).toBeLessThan(bundle.path.positionOf(thresholds));
    }
  });

  describe('with a latency goal', () => {
    const latency: Goal = { kind: 'latency', targetMs: 80, quantile: 0.5 };

    it.each([1, 2, 3, 4])('is not rolled back because a slow device is a canary (%d)', (seed) => {
      const fleet = new SimulatedFleet(5, seed);
      fleet.startAt([2, 2]);
      fleet.want([agreement, latency]);
      fleet.cloudMsOf = (device) => (device === 'cam-0' ? 200 : 20);
      const trying = new Set<string>();
      const kinds = rounds(80).flatMap(() => {
        fleet.play();
        const { policy, group } = fleet;
        if (policy?.canary) {
          for (const device of fleet.devices) {
            if (followed(policy, group, device).version === policy.version) trying.add(device);
          }
        }
        return fleet.kinds();
      });
      expect(trying).toContain('cam-0');
      expect(kinds).toContain('promoted');
      expect(kinds).not.toContain('rolled-back');
    });

    it('is rolled back if it makes devices slow', () => {
      const fleet = new SimulatedFleet(5);
      fleet.startAt([2, 2]);
      fleet.want([agreement, latency]);
      fleet.cloudMsOf = (device) => {
        const { policy, group } = fleet;
        return policy?.canary && followed(policy, group, device).version === policy.version ? 200 : 20;
      };
      const kinds = rounds(40).flatMap(() => {
        fleet.play(15);
        return fleet.kinds();
      });
      expect(kinds).toContain('rolled-back');
    });

    it('set during a canary does not roll the canary back for late answers that were not counted before', () => {
      const fleet = trying();
      fleet.cloudMsOf = () => 200;
      fleet.want([agreement, latency]);
      const kinds = rounds(40).flatMap(() => {
        fleet.play(10);
        return fleet.kinds();
      });
      expect(kinds).toContain('promoted');
      expect(kinds).not.toContain('rolled-back');
    });
  });

  it('is ended by a freeze, and no policy changes afterwards', () => {
    const fleet = trying();
    const stable = fleet.policy?.canary?.stable.thresholds;
    fleet.set('frozen');
    fleet.play();
    expect(fleet.kinds()).toEqual(['mode-set', 'rolled-back']);
    expect(fleet.policy?.thresholds).toEqual(stable);
    const { length } = fleet.history;
    for (const _ of rounds(30)) fleet.play();
    expect(fleet.history).toHaveLength(length);
    fleet.set('auto');
    for (const _ of rounds(10)) fleet.play();
    expect(fleet.history.length).toBeGreaterThan(length);
  });

  it('continues with other devices if the chosen ones are offline', () => {
    const fleet = trying();
    const before = fleet.policy;
    fleet.devices = fleet.devices.filter(
      (device) => followed(before, fleet.group, device).version !== before?.version,
    );
    for (const _ of rounds(60)) {
      fleet.play();
      if (!fleet.state.canary) break;
    }
    expect(fleet.policy).toMatchObject({ version: before?.version, canary: null });
  });
});
