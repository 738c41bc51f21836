import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle, CalibrationTable } from '@offramp/bundle';
import {
  binOf,
  canaryPlace,
  EvidenceCounts,
  Lifecycle,
  leaves,
  openPolicyBucket,
  type TelemetryReportInit,
  telemetrySubject,
  v1,
} from '@offramp/contracts';
import type { NatsConnection } from 'nats';
import { type PolicyContent, readPolicyMessage } from '../decide/model/policy-view.js';

/** A simulated device. */
interface TableDevice {
  name: string;
  sequence: number;
}

const maxRecords = 1_000;
const publishTimeoutMs = 2_000;
const retryDelayMs = 100;
const maxAttempts = 200;

/**
 * Devices of a group, as a controller sees them over NATS. They follow the newest policy, including canaries and exceptions,
 * and report random rows of a bundle's calibration table.
 */
export class TableFleet {
  /** Samples in all reports stored by NATS. */
  samples = 0;
  /** Maps a random number in [0, 1) to the position of the drawn row, as a share of the table. */
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

  /** Every device answers `samplesEach` samples and reports them; each report is published until NATS has stored it. */
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

  /** Publishes like a device: repeated until stored, with a message ID so that it is stored once. */
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

  private answer(device: TableDevice, samples: number, policy: PolicyContent | null): TelemetryReportInit {
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
      window: {
        ...{ samples, exits: counts.left, offloaded: counts.offloaded, audited: counts.audited },
        evidence: [counts.toMessage(followed.version)],
      },
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
