import { CloudLink, Lifecycle } from '@offramp/contracts';
import type { Fleet, ListedDevice } from '@offramp/controller';
import { windowCounts } from '@offramp/controller';

type Sample = Partial<Omit<ListedDevice, 'state'>> & { state?: Partial<ListedDevice['state']> };

/** A device for tests of views, which answered 100 samples in its latest second and 1,000 in all. */
export function sampleDevice({ state, ...rest }: Sample = {}): ListedDevice {
  const latest = { samples: 100, exits: [70, 20, 10], offloaded: 10, degraded: 0 };
  return {
    device: 'cam-1',
    group: 'cameras',
    state: {
      lifecycle: Lifecycle.LIFECYCLE_RUNNING,
      agentVersion: '0.1.0',
      bundleDigest: 'abcdef'.padEnd(64, '0'),
      bundleName: 'shoes',
      branches: 2,
      deviceStages: 2,
      policyVersion: 3,
      thresholds: [0.9, 0.8],
      cloudLink: CloudLink.CLOUD_LINK_CONNECTED,
      policyError: '',
      policyErrorCode: '',
      auditRate: 0,
      maxAuditBytesPerHour: 0,
      ...state,
    },
    lastSeenMsAgo: 400,
    online: true,
    total: windowCounts({ samples: 1_000, exits: [700, 200, 100], labelled: 1_000, correct: 950 }),
    latest: windowCounts(latest),
    latestWindowMs: 1_000,
    latencyP50Ms: 3.2,
    latencyP99Ms: 41,
    reportsMissing: 0,
    countedFromSequence: 1,
    staleReports: 0,
    newestPolicyVersion: 3,
    expectedPolicyVersion: rest.newestPolicyVersion ?? 3,
    expectedBundleDigest: null,
    ...rest,
  };
}

export function sampleFleet(...devices: ListedDevice[]): Fleet {
  const online = devices.filter((device) => device.online).length;
  return {
    devices,
    summary: { devices: devices.length, online, latencyP50Ms: 3.2, latencyP99Ms: 41 },
  };
}
