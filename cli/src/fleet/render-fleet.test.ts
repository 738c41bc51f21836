import { windowCounts } from '@offramp/controller';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { renderFleet } from './render-fleet.js';
import { sampleDevice, sampleFleet } from './sample-fleet.js';

const many = (exits: number) => {
  const counts = Array.from({ length: exits }, () => 100 / exits);
  return { latest: windowCounts({ samples: 100, exits: counts }), total: windowCounts({ exits: counts }) };
};

describe('renderFleet', () => {
  it('shows a row per device and one for all', () => {
    const degraded = windowCounts({ samples: 50, exits: [25, 25, 0], offloaded: 5, degraded: 5 });
    const lines = renderFleet(
      sampleFleet(
        sampleDevice(),
        sampleDevice({ device: 'cam-2', latest: degraded, newestPolicyVersion: 4 }),
      ),
    );
    expect(lines.slice(0, 6)).toEqual([
      'group cameras: 2 of 2 devices online',
      '',
      'DEVICE     RATE/S      EXITS %  OFFLOAD  DEGRADED  ACCURACY  P50 MS  P99 MS  POLICY',
      '● cam-1       100   70  20  10   10.0 %     0.0 %    95.0 %     3.2      41       3',
      '● cam-2      50.0   50  50   0   10.0 %    10.0 %    95.0 %     3.2      41     3→4',
      '2 devices     150   63  30   7   10.0 %     3.3 %    95.0 %     3.2      41',
    ]);
  });

  it('shows only the table if bare', () => {
    const lines = renderFleet(sampleFleet(sampleDevice()), { bare: true });
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['DEVICE', '●', '1']);
  });

  it('shows audits and their agreement in wide views', () => {
    const total = windowCounts({ samples: 1_000, exits: [700, 200, 100], audited: 200, auditsAgreed: 197 });
    const fleet = sampleFleet(sampleDevice({ total, state: { auditRate: 0.01 } }), sampleDevice());
    const lines = renderFleet(fleet, { width: 120 });
    expect(lines[2]).toMatch(/ POLICY {2}AUDIT {2}AGREED$/);
    expect(lines[3]).toMatch(/ 3 {4}1 % {2}98\.5 %$/);
    expect(lines[4]).toMatch(/ 3 {6}– {7}–$/);
    expect(lines[5]).toMatch(/ {2}98\.5 %$/);
    expect(renderFleet(fleet).join()).not.toContain('AUDIT');
  });

  it('ignores the latest window of an offline device', () => {
    const [, , , row, all] = renderFleet(sampleFleet(sampleDevice({ online: false })));
    expect(row).toBe('○ cam-1        –            –        –         –    95.0 %     3.2      41       3');
    expect(all).toContain('1 device       –            –');
  });

  it('marks a refused policy, and shows – without a policy', () => {
    const refused = sampleDevice({ state: { policyError: 'wrong', policyVersion: 2 } });
    const own = sampleDevice({ state: { policyVersion: 0 }, newestPolicyVersion: 0 });
    const lines = renderFleet(sampleFleet(refused, own));
    expect(lines[3]).toMatch(/ 2!$/);
    expect(lines[4]).toMatch(/ –$/);
  });

  it('expects devices outside a canary to follow the stable policy', () => {
    const without = sampleDevice({ newestPolicyVersion: 4, expectedPolicyVersion: 3 });
    const within = sampleDevice({ newestPolicyVersion: 4, state: { policyVersion: 4 } });
    const back = sampleDevice({ newestPolicyVersion: 3, state: { policyVersion: 4 } });
    const lines = renderFleet(sampleFleet(without, within, back));
    expect(lines[3]).toMatch(/ 3$/);
    expect(lines[4]).toMatch(/ 4$/);
    expect(lines[5]).toMatch(/ 4→3$/);
  });

  it('names the groups if there are several', () => {
    const fleet = sampleFleet(sampleDevice(), sampleDevice({ group: 'doors' }));
    expect(renderFleet(fleet).join('\n')).toMatch(/^2 groups: 2 of 2 .*● cameras\/cam-1 .*● doors\/cam-1 /s);
  });

  it.each([30, 38, 39, 47, 57, 66, 76, 80, 100, 110, 132])(
    'keeps within %d columns with any names and number of exits',
    (width) => {
      for (const exits of [1, 2, 4, 8, 30]) {
        const fleet = sampleFleet(
          sampleDevice({ device: 'd'.repeat(64), group: 'g'.repeat(64), ...many(exits) }),
          sampleDevice({ device: 'short', ...many(exits) }),
        );
        for (const line of renderFleet(fleet, { width }))
          expect(stringWidth(line)).toBeLessThanOrEqual(width);
      }
    },
  );

  it.each([
    [60, ['DEVICE', 'RATE/S', 'EXITS', '%', 'OFFLOAD', 'DEGRADED', 'POLICY'], 'offload,', 0],
    [40, ['DEVICE', 'RATE/S', 'EXITS', '%', 'OFFLOAD'], 'brackets', 0],
    [70, ['DEVICE', 'RATE/S', 'EXITS', '%', 'OFFLOAD', 'DEGRADED', 'P99', 'MS', 'POLICY'], 'latency', 1],
  ])(
    'removes the least important columns and their legend in %d columns',
    (width, heads, word, sinceStart) => {
      const lines = renderFleet(sampleFleet(sampleDevice()), { width });
      expect(lines[2]?.split(/ +/)).toEqual(heads);
      expect(lines[3]).toMatch(/^● cam-1 +100 .* 10\.0 %/);
      expect(lines.join('\n')).toContain(word);
      expect(lines.filter((line) => line.startsWith('since start'))).toHaveLength(sinceStart);
    },
  );

  it('prefers full device names to separate exits', () => {
    const device = sampleDevice({ device: 'front-door-left', ...many(8) });
    const named = renderFleet(sampleFleet(device), { width: 80 });
    expect(named[3]).toMatch(/^● front-door-… +100 +\(88\) +13 /);
    expect(renderFleet(sampleFleet(device), { width: 100 })[3]).toContain('● front-door-left  ');
  });

  it('sums deep branches if they do not fit', () => {
    const exits = [40, 20, 10, 5, 5, 5, 5, 5, 2, 1, 1, 1];
    const counts = windowCounts({ samples: 100, exits });
    const fleet = sampleFleet(sampleDevice({ latest: counts, total: counts }));
    expect(renderFleet(fleet, { width: 100 })[3]).toMatch(/ 100 +40 +20 +10 +5 +\(24\) +1 +0\.0 %/);
    expect(renderFleet(fleet, { width: 80 })[3]).toMatch(/ 100 +40 +\(59\) +1 +0\.0 %/);
  });

  it.each([
    [80, true],
    [200, false],
  ])('explains the number in brackets, if any, in %d columns', (width, folded) => {
    const legend = renderFleet(sampleFleet(sampleDevice(many(12))), { width })
      .slice(5)
      .join(' ');
    expect(legend.includes('in brackets')).toBe(folded);
  });

  it('omits devices beyond maxDevices, but counts them', () => {
    const devices = Array.from({ length: 9 }, (_, i) => sampleDevice({ device: `cam-${i}` }));
    const lines = renderFleet(sampleFleet(...devices), { maxDevices: 4 });
    expect(lines.filter((line) => line.startsWith('●'))).toHaveLength(4);
    expect(lines).toContain('… and 5 more, counted in the last row');
    expect(lines.find((line) => line.startsWith('9 devices'))).toContain(' 900 ');
  });

  it('has colour only if styled', () => {
    const fleet = sampleFleet(sampleDevice());
    expect(renderFleet(fleet).join('')).not.toContain('\u001b');
    expect(renderFleet(fleet, { styled: true }).join('')).toContain('\u001b[32m●');
  });

  it('says that no device has reported yet', () => {
    expect(renderFleet(sampleFleet())).toEqual(['no devices have reported yet']);
  });
});
