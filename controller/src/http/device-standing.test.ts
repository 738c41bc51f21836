import { CloudLink } from '@offramp/contracts';
import { describe, expect, it } from 'vitest';
import type { DevicePresence } from '../ingest/register/fleet-register.js';
import { checkedReport } from '../testing/sample-report.js';
import { standingOf } from './device-standing.js';

const { state, window: latest } = checkedReport({ policyVersion: 3 });
const presence: DevicePresence = { device: 'cam-1', online: true, state, latest };
const status = { policyVersion: 3, canary: null, exceptions: [] };
const canary = { policyVersion: 3, share: 0.1, reach: null, samples: 0, stableThresholds: [1, 1] };
const exceptions = [{ device: 'cam-1', distance: 0.5, thresholds: [1, 1] }];

describe('standingOf', () => {
  it.each([
    ['ok', presence, status],
    ['ok', presence, null],
    ['behind', presence, { ...status, policyVersion: 4 }],
    ['canary', presence, { ...status, canary }],
    ['ok', presence, { ...status, policyVersion: 4, canary: { ...canary, policyVersion: 4 } }],
    ['outlier', presence, { ...status, canary, exceptions }],
    ['degraded', { ...presence, latest: { ...latest, degraded: 1 } }, { ...status, exceptions }],
    ['degraded', { ...presence, state: { ...state, cloudLink: CloudLink.CLOUD_LINK_DOWN } }, status],
    ['failing', { ...presence, latest: { ...latest, degraded: 1, failed: 1 } }, status],
    ['failing', { ...presence, state: { ...state, policyError: 'expected 2 thresholds' } }, status],
    [
      'behind',
      {
        ...presence,
        state: { ...state, policyError: 'for another bundle', policyErrorCode: 'POLICY_OTHER_BUNDLE' },
      },
      status,
    ],
    ['offline', { ...presence, online: false, latest: { ...latest, failed: 1 } }, status],
  ] as const)('%s', (standing, device, group) => {
    expect(standingOf(device, group && { ...group, exceptions: [...group.exceptions] })).toBe(standing);
  });
});
