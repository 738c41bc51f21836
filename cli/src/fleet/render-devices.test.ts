import { CloudLink, Lifecycle } from '@offramp/contracts';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { renderDevices } from './render-devices.js';
import { sampleDevice, sampleFleet } from './sample-fleet.js';

describe('renderDevices', () => {
  it('shows devices with their state', () => {
    const lines = renderDevices(
      sampleFleet(
        sampleDevice({ state: { auditRate: 0.01 } }),
        sampleDevice({
          device: 'cam-2',
          newestPolicyVersion: 4,
          state: { cloudLink: CloudLink.CLOUD_LINK_DOWN },
        }),
        sampleDevice({ device: 'cam-3', online: false, lastSeenMsAgo: 720_000 }),
        sampleDevice({ device: 'cam-4', online: false, state: { lifecycle: Lifecycle.LIFECYCLE_STOPPED } }),
        sampleDevice({ device: 'cam-5', newestPolicyVersion: 4, expectedPolicyVersion: 3 }),
      ),
    );
    expect(lines).toEqual([
      'DEVICE  GROUP    STATUS   BUNDLE              STAGES  POLICY  AUDIT  CLOUD      LAST SEEN',
      'cam-1   cameras  online   abcdef000000 shoes     2/3       3    1 %  connected      0.4 s',
      'cam-2   cameras  online   abcdef000000 shoes     2/3     3→4      –  down           0.4 s',
      'cam-3   cameras  offline  abcdef000000 shoes     2/3       3      –  –             12 min',
      'cam-4   cameras  stopped  abcdef000000 shoes     2/3       3      –  –              0.4 s',
      'cam-5   cameras  online   abcdef000000 shoes     2/3       3      –  connected      0.4 s',
    ]);
  });

  it('shows why a policy is not followed', () => {
    const state = { policyError: 'expected 5 thresholds\u001b[2J', policyVersion: 3 };
    const lines = renderDevices(sampleFleet(sampleDevice({ newestPolicyVersion: 4, state })));
    expect(lines[1]).toContain(' 3! ');
    expect(lines.at(-1)).toBe(
      '! group cameras: 1 device does not follow policy 4 (cam-1): expected 5 thresholds [2J',
    );
  });

  it('names devices that run another bundle than that of their policy, before they refuse it', () => {
    const expected = { newestPolicyVersion: 4, expectedBundleDigest: 'fedcba'.padEnd(64, '0') };
    const lines = renderDevices(
      sampleFleet(
        sampleDevice({ group: 'a', expectedBundleDigest: 'abcdef'.padEnd(64, '0') }),
        ...['cam-1', 'cam-2'].map((device) => sampleDevice({ device, group: 'b', ...expected })),
      ),
    );
    expect(lines.slice(1, 4).map((line) => / 3!? /.exec(line)?.[0])).toEqual([' 3 ', ' 3! ', ' 3! ']);
    expect(lines.slice(4)).toEqual([
      '',
      '! group b: 2 devices do not follow policy 4, which is for bundle fedcba000000: cam-1, cam-2 run abcdef000000 (shoes).',
    ]);
  });

  it('reports two agents with one name, if their reports continue', () => {
    const lines = (staleReports: number) =>
      renderDevices(sampleFleet(sampleDevice({ online: false, staleReports })));
    expect(lines(2)).toHaveLength(2);
    expect(lines(3).at(-1)).toMatch(/^! cameras\/cam-1 is the name of two agents: 3 reports .* --device$/);
  });

  it.each([20, 40, 60, 90, 100, 140])('keeps within %d columns with any names', (width) => {
    const long = sampleDevice({
      device: 'd'.repeat(64),
      group: 'g'.repeat(64),
      state: {
        bundleName: '靴'.repeat(90),
        lifecycle: Lifecycle.LIFECYCLE_DRAINING,
        deviceStages: 100,
        branches: 120,
      },
    });
    const lines = renderDevices(sampleFleet(long, sampleDevice()), { width });
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width);
    expect(lines[1]).toContain('ddd…');
  });

  it.each([
    [
      100,
      'DEVICE           GROUP    STATUS  BUNDLE              STAGES  POLICY  AUDIT  CLOUD      LAST SEEN',
    ],
    [80, 'DEVICE           GROUP    STATUS  BUNDLE            POLICY  CLOUD      LAST SEEN'],
    [60, 'DEVICE           GROUP    STATUS  POLICY  LAST SEEN'],
    [40, 'DEVICE           STATUS  POLICY'],
  ])('shows full device names in %d columns, and removes other columns instead', (width, head) => {
    const lines = renderDevices(sampleFleet(sampleDevice({ device: 'front-door-left' })), { width });
    expect(lines[0]).toBe(head);
    expect(lines[1]).toContain('front-door-left  ');
  });
});
