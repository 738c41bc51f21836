import type { NewEvidence } from '../evidence/evidence-journal.js';
import type { DeviceAnswers } from '../evidence/evidence-window.js';
import type { NewestPolicy } from '../policy/policy-store.js';
import type { PolicyView } from '../policy/policy-view.js';
import type { BinnedTable } from '../tuner/binned-table.js';
import type { DeviceHistogram } from '../tuner/device-deviation.js';
import type { ThresholdPath } from '../tuner/threshold-path.js';
import type { CanaryOptions } from './canary.js';
import type { StoredGoals } from './control-store.js';
import type { JudgedBundle } from './policy-windows.js';

/** A bundle whose calibration table is known. */
export interface TunableBundle extends JudgedBundle {
  path: ThresholdPath;
  table: BinnedTable;
  /** Per exit, over the whole backbone's cost. */
  costs: readonly number[];
}

/** A device as the tuner cares for it. */
export interface GroupDevice {
  device: string;
  online: boolean;
  bundleDigest: string;
  /** Stages that it runs itself. */
  deviceStages: number;
  /** That it answered in its latest window. */
  samples: number;
}

/** What a group's next state follows from, beside its last one. */
export interface GroupInputs {
  group: string;
  goals: StoredGoals;
  /** What the bucket of policies holds, with nothing of the last intent left to do. */
  newest: NewestPolicy;
  /** What else the bucket remembers; asked for only where the newest policy is not the one that was decided. */
  history: readonly PolicyView[];
  /** When the telemetry stream was made. */
  streamCreated: string;
  /** From {@link readFrom} on. */
  evidence: NewEvidence;
  devices: readonly GroupDevice[];
  /** The bundle that most devices run; `null`: none has reported. */
  bundleDigest: string | null;
  /** The same, where its calibration table is known. */
  bundle: TunableBundle | null;
  /** How sure the first exit was, by device; asked for only where it is looked at. */
  confidences(span: 'recent' | 'window'): DeviceHistogram[];
  /** What devices did lately, by device and policy; asked for only where a canary begins. */
  answers(devices: readonly string[]): DeviceAnswers[];
  /** Whether to look for devices whose traffic is not the group's; where there are many, that takes a while. */
  lookForDeviating: boolean;
  /** Work that comes to workers over work that they can do; `null`: not known. */
  workerUtilisation: number | null;
  /** Of workers' time, per sample and stage of the bundle; `null`: not known. */
  stageSeconds: readonly (number | null)[];
  canary: CanaryOptions;
  /** Who decides, for the history. */
  author: string;
}

/** From where on evidence is to be read for a group: another stream counts from 1 again. */
export function readFrom(state: { upTo: number; streamCreated: string }, streamCreated: string): number {
  return state.streamCreated === streamCreated ? state.upTo : 0;
}

/** The bundle that most devices run, of those online where any are; `null`: there are none. */
export function mostUsedBundle(devices: readonly GroupDevice[]): string | null {
  const online = devices.filter((device) => device.online);
  const counts = new Map<string, number>();
  for (const { bundleDigest } of online.length > 0 ? online : devices) {
    counts.set(bundleDigest, (counts.get(bundleDigest) ?? 0) + 1);
  }
  const most = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0];
  return most?.[0] ?? null;
}
