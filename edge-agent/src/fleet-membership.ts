import { randomUUID } from 'node:crypto';
import type { Manifest } from '@offramp/bundle';
import { type BusAccess, BusLink, type DeviceStateInit } from '@offramp/contracts';
import { type Clock, type Logger, type OfframpError, within } from '@offramp/runtime';
import { NameClaim } from './name/name-claim.js';
import { PolicyWatcher } from './policy/policy-watcher.js';
import { TelemetryReporter } from './telemetry/reporter.js';

export interface FleetMembershipOptions {
  bus: BusAccess;
  device: string;
  group: string;
  telemetryIntervalMs: number;
  maxTelemetryBacklog: number;
}

/** The device's side of its membership: what it reports, and callbacks for what it receives. */
export interface FleetMember {
  manifest: Manifest;
  /** The device's state, asked at the end of each window of telemetry. */
  state(): DeviceStateInit;
  /** Whether the device takes samples. */
  running(): boolean;
  /** Another agent has the device's name. */
  onNameTaken(error: OfframpError): void;
  /** @param bytes a `Policy`; may be the same as before */
  onPolicy(bytes: Uint8Array): void;
}

const policyRefreshMs = 30_000;

/** A device's connection to its fleet over NATS: receives policies, sends telemetry. */
export class FleetMembership {
  readonly reporter: TelemetryReporter;
  private readonly bus: BusLink;
  private readonly watcher: PolicyWatcher;
  private readonly name: NameClaim;

  constructor(
    options: FleetMembershipOptions,
    member: FleetMember,
    private readonly clock: Clock,
    random: () => number,
    private readonly logger: Logger,
  ) {
    const { device, group, bus, telemetryIntervalMs: intervalMs, maxTelemetryBacklog: maxBacklog } = options;
    this.bus = new BusLink(
      {
        access: bus,
        party: { role: 'device', group, name: device },
        name: `offramp-agent ${group}/${device}`,
      },
      clock,
      random,
      logger,
    );
    this.watcher = new PolicyWatcher({ group, refreshMs: policyRefreshMs }, clock, random, logger, (bytes) =>
      member.onPolicy(bytes),
    );
    const bootId = randomUUID();
    this.name = new NameClaim(
      {
        device,
        group,
        bootId,
        running: () => member.running(),
        onTaken: (error) => member.onNameTaken(error),
      },
      logger,
    );
    this.reporter = new TelemetryReporter(
      { device, group, bootId, intervalMs, maxBacklog },
      member.manifest,
      () => member.state(),
      clock,
      random,
      logger,
    );
    this.bus.listen(this.name);
    this.bus.listen(this.watcher);
    this.bus.listen(this.reporter);
  }

  get connection(): BusLink['state'] {
    return this.bus.state;
  }

  /** Begins to connect. Settles when the group's policy has been read, or the first attempt has failed. */
  async join(): Promise<void> {
    await this.bus.start();
    if (this.bus.state === 'up') await Promise.all([this.name.firstAnswer(), this.watcher.firstRead()]);
  }

  /** Waits until all reports are acknowledged, unless no server has ever answered. */
  async flush(milliseconds: number): Promise<void> {
    const waitMs = this.bus.state === 'never' ? 0 : milliseconds;
    if (await within(this.reporter.flushed(), waitMs, this.clock)) return;
    this.logger.warn({ reports: this.reporter.pending }, 'the last telemetry reports were not acknowledged');
  }

  /** Releases the device's name for other agents. */
  yieldName(): void {
    this.name.onDown();
  }

  async leave(): Promise<void> {
    this.reporter.stop();
    this.watcher.stop();
    this.name.onDown();
    await this.bus.close();
  }
}
