import { checkName } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import type { EvidenceRegister } from '../ingest/evidence/evidence-register.js';
import {
  type CountedEvidence,
  viewEvidence,
  type WindowEvidence,
} from '../ingest/evidence/window-evidence.js';
import type { DeviceView, FleetRegister, FleetSummary } from '../ingest/register/fleet-register.js';

export interface DevicePage {
  devices: DeviceView[];
  /** Per device, the position after it. */
  keys: string[];
  /** Start of the next page; `null`: this is the last. */
  next: string | null;
}

export interface DeviceOperationsParts {
  register: Pick<FleetRegister, 'list' | 'device' | 'summary'>;
  evidence: Pick<EvidenceRegister, 'counts'>;
  now(): number;
}

/** Devices by their reports, and the evidence by which thresholds are judged. */
export class DeviceOperations {
  constructor(private readonly parts: DeviceOperationsParts) {}

  /**
   * @param group empty: all groups
   * @param after `next` of the previous page; empty: the first page
   */
  list(group: string, after: string, limit: number): DevicePage {
    if (group) checkName('group', group);
    const { register, now } = this.parts;
    const devices: DeviceView[] = [];
    const keys: string[] = [];
    for (const { key, view } of register.list(group, now(), after)) {
      if (devices.length === limit) return { devices, keys, next: keys.at(-1) ?? null };
      devices.push(view);
      keys.push(key);
    }
    return { devices, keys, next: null };
  }

  /**
   * Totals over devices.
   * @param group empty: all groups
   */
  summary(group: string): FleetSummary {
    if (group) checkName('group', group);
    return this.parts.register.summary(group, this.parts.now());
  }

  /** @throws OfframpError `CONFIG_INVALID`, `NOT_FOUND` */
  get(group: string, device: string): DeviceView {
    checkName('group', group);
    checkName('device', device);
    const view = this.parts.register.device(group, device, this.parts.now());
    if (!view) throw new OfframpError('NOT_FOUND', `no device ${device} of group ${group} has reported`);
    return view;
  }

  /** @param device default: all devices of the group */
  evidence(group: string, device = ''): WindowEvidence {
    return viewEvidence(this.evidenceCounts(group, device));
  }

  /** The same in counts that can be summed. */
  evidenceCounts(group: string, device = ''): CountedEvidence {
    checkName('group', group);
    if (device) checkName('device', device);
    return this.parts.evidence.counts(group, device);
  }
}
