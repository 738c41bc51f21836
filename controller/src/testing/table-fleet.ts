import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Bundle,
  binOf,
  type CalibrationTable,
  canaryPlace,
  EvidenceCounts,
  Lifecycle,
  leaves,
  openPolicyBucket,
  type TelemetryReport,
  telemetrySubject,
  v1,
} from '@offramp/shared';
import type { NatsConnection } from 'nats';
import { type PolicyContent, readPolicyMessage } from '../policy/policy-view.js';

/** What one device has reported, to tell whether it was counted. */
interface TableDevice {
  name: string;
  sequence: number;
}

const maxRecords = 1_000;
const publishTimeoutMs = 2_000;
const retryDelayMs = 100;
const maxAttempts = 200;

/**
 * Devices of a group, as a controller sees them over NATS: they follow the newest policy, canaries and exceptions included, and
 * what they report is what a bundle's calibration table says, row by row at random.
 */
export class TableFleet {
  /** In all reports that NATS has taken in. */
  samples = 0;
  /** Of the rows that a device draws, in [0, 1) to what the table has at random: how unsure exits are. */
  pick: (device: string, random: number) => number = (_, random) => random;
  private readonly devices: TableDevice[];

  constructor(
    private readonly bus: NatsConnection,
    readonly group: string,
    devices: readonly string[],
    private readonly bundle: Bundle,
    private readonly table: CalibrationTable,
    private readonly random: () => number,
  ) {
    this.devices = devices.map((name) => ({ name, sequence: 0 }));
  }

  async policy(): Promise<PolicyContent | null> {
    const entry = await (await openPolicyBucket(this.bus)).get(this.group);
    return entry?.operation === 'PUT' ? readPolicyMessage(v1.Policy.decode(entry.value)) : null;
  }

  /** Every device answers so many samples and reports them; each report is published until NATS has it. */
  async report(samplesEach = 50): Promise<void> {
    const policy = await this.policy();
    for (const device of this.devices) {
      const report = this.answer(device, samplesEach, policy);
      const subject = telemetrySubject(this.group, device.name);
      const message = v1.TelemetryReport.encode(report).finish();
      await this.publish(subject, message, `${this.group}/${device.name}/${report.sequence}`);
      this.samples += samplesEach;
    }
  }

  /** As devices do: again until NATS has it, by an identity that has it taken in once. */
  private async publish(subject: string, message: Uint8Array, msgID: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.bus.jetstream().publish(subject, message, { msgID, timeout: publishTimeoutMs });
        return;
      } catch (error) {
        if (attempt === maxAttempts) throw error;
        await sleep(retryDelayMs);
      }
    }
  }

  private answer(device: TableDevice, samples: number, policy: PolicyContent | null): TelemetryReport {
    const { bundle, table, random } = this;
    const followed = this.followed(device.name, policy);
    const counts = new EvidenceCounts(bundle.branches, { maxRecords });
    for (let i = 0; i < samples; i++) {
      const row = Math.floor(this.pick(device.name, random()) * table.samples);
      const exits = table.branches.map(({ confidence, agrees }) => {
        const seen = Math.fround(confidence[row] as number);
        return { confidence: seen, bin: binOf(seen), agreed: agrees[row] === '1' };
      });
      const left = exits.findIndex(({ confidence }, branch) =>
        leaves(confidence, followed.thresholds[branch] as number),
      );
      const exit = left < 0 ? bundle.branches : left;
      const passed = exits
        .slice(0, exit)
        .map(({ confidence }, branch) => ({ exit: branch, label: 0, confidence }));
      const offloaded = exit >= bundle.manifest.deviceStages;
      const confidence = exits[exit]?.confidence ?? 1;
      counts.countSample({ passed, exit, confidence, degraded: false, offloaded, latencyMs: 5 });
      if (random() < followed.auditRate) counts.countAudit({ exits, leftAt: exit });
    }
    return {
      ...{
        device: device.name,
        group: this.group,
        bootId: 'boot',
        sequence: ++device.sequence,
        windowMs: 1_000,
      },
      state: {
        ...{ lifecycle: Lifecycle.LIFECYCLE_RUNNING, bundleDigest: bundle.digestBytes },
        ...{ bundleName: bundle.manifest.name, branches: bundle.branches },
        ...{ deviceStages: bundle.manifest.deviceStages, policyVersion: followed.version },
      },
      window: { samples, exits: counts.left, evidence: [counts.toMessage(followed.version)] },
    };
  }

  private followed(device: string, policy: PolicyContent | null) {
    const own = { version: 0, thresholds: this.bundle.manifest.policy.thresholds, auditRate: 0 };
    if (!policy) return own;
    const { version, canary, exceptions } = policy;
    const exception = exceptions.find((other) => other.device === device);
    if (exception) return { ...exception, version };
    if (!canary || canaryPlace(this.group, version, device) < canary.below) return policy;
    return canary.stable.version === 0 ? own : canary.stable;
  }
}
