import { expect, it } from 'vitest';
import type { GroupInputs } from './model/group-inputs.js';
import { agreement, rounds, settled } from './testing/settled-fleet.js';
import { bundle, followed, SimulatedFleet } from './testing/simulated-fleet.js';

const other = 'cd'.repeat(32);

/** The fleet's devices, of which these run another bundle. */
function mixed(fleet: SimulatedFleet, ...others: string[]): Pick<GroupInputs, 'devices'> {
  const { devices } = fleet.inputs([]);
  return {
    devices: devices.map((device) => ({
      ...device,
      bundleDigest: others.includes(device.device) ? other : bundle.digest,
    })),
  };
}

const textsOf = (fleet: SimulatedFleet) => fleet.state.intent?.events.map(({ text }) => text) ?? [];

it('chooses canaries among the devices of the tuned bundle, and names the others when all get a policy', () => {
  const fleet = new SimulatedFleet(8);
  fleet.startAt([2, 2]);
  fleet.want([agreement]);
  const others = fleet.devices.slice(0, 4);
  const tuned = fleet.devices.slice(4);
  const promoted: string[] = [];
  const reach = new Set<string>();
  for (const _ of rounds(60)) {
    fleet.advance(
      tuned.map((device) => fleet.observe(device, 25)),
      mixed(fleet, ...others),
    );
    promoted.push(...textsOf(fleet).filter((text) => text.startsWith('All devices get policy')));
    const { policy, state } = fleet;
    if (!policy?.canary || !state.canary) continue;
    expect(tuned.filter((device) => followed(policy, fleet.group, device) === policy)).toHaveLength(1);
    reach.add(JSON.stringify(state.canary.reach));
  }
  expect([...reach]).toEqual(['{"devices":1,"online":4}']);
  expect(promoted.length).toBeGreaterThan(0);
  for (const text of promoted) {
    expect(text).toMatch(
      / 4 devices with another bundle do not follow this policy: cam-0, cam-1, cam-2, cam-3\.$/,
    );
  }
});

it("warns of devices that do not follow an operator's policy", () => {
  const fleet = settled(3);
  if (!fleet.policy) throw new Error('no policy');
  const byHand = { version: fleet.policy.version + 1, author: 'bob', reason: '', canary: null };
  fleet.setByHand({ ...fleet.policy, ...byHand });
  fleet.advance([], mixed(fleet, 'cam-1'));
  expect(fleet.state.intent?.events).toMatchObject([
    {
      ...{ kind: 'policy', author: 'bob', severity: 'warning' },
      text: expect.stringMatching(
        /^bob set policy \d+\..* 1 device with another bundle does not follow this policy: cam-1\.$/,
      ),
    },
  ]);
  fleet.setByHand({ ...fleet.policy, ...byHand, version: byHand.version + 1, bundleDigest: null });
  fleet.advance([], mixed(fleet, 'cam-1'));
  expect(fleet.state.intent?.events).toMatchObject([{ kind: 'policy', severity: 'info' }]);
});
