import type { BinnedTable } from '../candidates/binned-table.js';
import type { ThresholdPath } from '../candidates/threshold-path.js';
import type { DeviceHistogram } from '../drift/device-deviation.js';
import type { CanaryOptions } from '../rollout/canary.js';
import { type BundleDevice, bundlesInUse } from './bundles-in-use.js';
import type { DeviceAnswers, NewEvidence } from './evidence.js';
import type { GroupGoals } from './fleet-control.js';
import type { GoalsChange } from './goals-schema.js';
import type { JudgedBundle } from './judged-bundle.js';
import type { NewestPolicy, PolicyView } from './policy-view.js';

/** A bundle whose calibration table is known. */
export interface TunableBundle extends JudgedBundle {
  path: ThresholdPath;
  table: BinnedTable;
  /** Per exit, over the whole backbone's cost. */
  costs: readonly number[];
}

/** A group's goals, as stored in the bucket. */
export interface StoredGoals extends GroupGoals {
  /** The newest ones, oldest first. */
  changes: GoalsChange[];
}

/** The facts about a device that the tuner uses. */
export interface GroupDevice extends BundleDevice {
  /** Stages that it runs itself. */
  deviceStages: number;
  /** Samples answered in its latest window. */
  samples: number;
}

/** Besides the last state, everything that determines a group's next state. */
export interface GroupInputs {
  group: string;
  goals: StoredGoals;
  /** The content of the bucket of policies, after the last intent was carried out. */
  newest: NewestPolicy;
  /** Earlier entries of the bucket; read only if the newest policy is not the decided one. */
  history: readonly PolicyView[];
  /** When the telemetry stream was created. */
  streamCreated: string;
  /** Evidence from {@link readFrom} on. */
  evidence: NewEvidence;
  devices: readonly GroupDevice[];
  /** The bundle that most devices run; `null`: none has reported. */
  bundleDigest: string | null;
  /** The same bundle; `null` if its calibration table is not known. */
  bundle: TunableBundle | null;
  /** Confidences of the first exit by device; computed only when called. */
  confidences(span: 'recent' | 'window'): DeviceHistogram[];
  /** Recent answers by device and policy; computed only when a canary begins. */
  answers(devices: readonly string[]): DeviceAnswers[];
  /** Whether to look for outlier devices, which takes a while in a large group. */
  lookForDeviating: boolean;
  /** Offered work over the workers' capacity; `null`: not measured since the last step. */
  workerUtilisation: number | null;
  /** Workers' time per sample and stage of the bundle; `null`: not known. */
  stageSeconds: readonly (number | null)[];
  canary: CanaryOptions;
  /** The deciding controller, for the history. */
  author: string;
}

/** Where to start reading evidence for a group. A new stream numbers its messages from 1 again. */
export function readFrom(state: { upTo: number; streamCreated: string }, streamCreated: string): number {
  return state.streamCreated === streamCreated ? state.upTo : 0;
}

/** The bundle that most online devices run (of all devices, if none is online); `null`: there are no devices. */
export function mostUsedBundle(devices: readonly GroupDevice[]): string | null {
  return bundlesInUse(devices)[0]?.digest ?? null;
}

/** Names of online devices with another bundle than a policy's, which refuse it. @param bundleDigest `null`: any bundle */
export function devicesOfOtherBundles(
  { devices }: Pick<GroupInputs, 'devices'>,
  bundleDigest: string | null,
): string[] {
  if (bundleDigest === null) return [];
  return devices
    .filter((device) => device.online && device.bundleDigest !== bundleDigest)
    .map(({ device }) => device);
}

/** Names of online devices that run the tuned bundle. Others refuse its policies. */
export function tunedOnline({
  devices,
  bundleDigest,
}: Pick<GroupInputs, 'devices' | 'bundleDigest'>): string[] {
  return devices
    .filter((device) => device.online && device.bundleDigest === bundleDigest)
    .map(({ device }) => device);
}
