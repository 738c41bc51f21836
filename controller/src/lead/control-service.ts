import { randomUUID } from 'node:crypto';
import { openControlBucket, openLeaseBucket, openPolicyBucket } from '@offramp/contracts';
import { type Clock, type Logger, messageOf } from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import { type FleetEvent, type FleetEventKind, newEvent } from '../decide/model/fleet-event.js';
import { eventTexts } from '../decide/text/event-texts.js';
import type { EvidenceRegister } from '../ingest/evidence/evidence-register.js';
import type { FleetRegister } from '../ingest/register/fleet-register.js';
import type { WorkerRegister } from '../ingest/register/worker-register.js';
import type { ControlMetrics } from '../metrics/group-metrics.js';
import { BucketWatch } from '../store/bucket-watch.js';
import { BundleTables } from '../store/bundle-tables.js';
import { ControlStore } from '../store/control-store.js';
import { EventLog } from '../store/event-log.js';
import type { PolicyStore } from '../store/policy-store.js';
import { ControlView } from './control-view.js';
import { GroupDriver } from './group-driver.js';
import { LeaderLoop } from './leader-loop.js';
import { Lease } from './lease.js';
import { PresenceLoop } from './presence-loop.js';
import { StorageWatch } from './storage-watch.js';
import { Webhook } from './webhook.js';

export interface ControlServiceOptions {
  bus: NatsConnection;
  policies: PolicyStore;
  register: FleetRegister;
  evidence: EvidenceRegister;
  workers: WorkerRegister;
  clock: Clock;
  logger: Logger;
  /** When the telemetry stream was created. */
  streamCreated(): string;
  /** Whether NATS is connected. */
  connected(): boolean;
  config: {
    /** Bundle folders whose tables all controllers get. */
    bundle: readonly string[];
    instanceName: string;
    leaseTtlMs: number;
    tuneEveryMs: number;
    canaryShare: number;
    canarySamples: number;
    webhook?: string | undefined;
    replicas: number;
  };
}

/** How often presence is checked. */
const presenceEveryMs = 2_000;

/** Sets thresholds by goals, together with other controllers. */
export class ControlService {
  readonly view: ControlView;
  private readonly watches: BucketWatch[];
  readonly lease: Lease;
  readonly storage: StorageWatch;
  private readonly loop: LeaderLoop;
  private readonly presence: PresenceLoop;
  readonly events: EventLog;
  readonly bundles: BundleTables;
  private readonly webhook: Webhook | null;

  private constructor(
    private readonly options: ControlServiceOptions,
    readonly store: ControlStore,
  ) {
    const { bus, policies, register, evidence, workers, clock, logger, streamCreated, config } = options;
    const { replicas, webhook } = config;
    const view = new ControlView(evidence, streamCreated, logger);
    this.view = view;
    const take = view.take.bind(view);
    this.watches = [
      new BucketWatch({
        name: 'the bucket of control',
        open: () => openControlBucket(bus, replicas),
        clock,
        logger,
        take,
      }),
      new BucketWatch({
        name: 'the bucket of policies',
        open: () => openPolicyBucket(bus, replicas),
        clock,
        logger,
        take,
      }),
    ];
    this.bundles = new BundleTables(bus, replicas);
    this.events = new EventLog({ bus, replicas, clock, logger });
    const driver = new GroupDriver({
      ...{ store, policies, events: this.events, bundles: this.bundles, register, evidence, workers },
      ...{ clock, logger, streamCreated, instance: config.instanceName },
      canary: { share: config.canaryShare, samples: config.canarySamples },
    });
    const leading = () => this.lease.leading;
    this.loop = new LeaderLoop({
      ...{ view, driver, evidence, clock, logger, everyMs: config.tuneEveryMs, leading, streamCreated },
    });
    this.presence = new PresenceLoop({
      ...{ store, events: this.events, register, workers, clock, logger, leading },
      ...{ instance: config.instanceName, everyMs: presenceEveryMs },
    });
    this.storage = new StorageWatch({
      ...{ clock, logger, patienceMs: config.leaseTtlMs, connected: options.connected },
      onOver: (outage) => {
        if (leading()) this.tell('jetstream-back', eventTexts.storageBack(outage), 'warning');
      },
    });
    this.lease = new Lease({
      ...{ instance: config.instanceName, ttlMs: config.leaseTtlMs, clock, logger, storage: this.storage },
      open: () => openLeaseBucket(bus, config.leaseTtlMs, replicas),
      onChange: (leads) => this.onLease(leads),
    });
    this.webhook = webhook ? new Webhook({ bus, replicas, url: webhook, logger, leading }) : null;
  }

  /**
   * Adds bundles and reads the stored records, so that evidence already counted is dropped while the stream is read.
   * @throws OfframpError `FILE_NOT_FOUND`, `BUNDLE_INVALID`, `BUNDLE_CORRUPT`, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`
   */
  static async prepare(options: ControlServiceOptions): Promise<ControlService> {
    const { bus, config } = options;
    const bucket = await openControlBucket(bus, config.replicas);
    const service = new ControlService(options, new ControlStore(bus, bucket));
    await service.addBundles();
    await Promise.all(service.watches.map((watch) => watch.start()));
    return service;
  }

  /** Must be called after all evidence has been read; from then on this controller may lead. */
  async start(): Promise<void> {
    await this.events.start();
    await this.lease.start();
    this.loop.start();
    this.presence.start();
    this.webhook?.start();
  }

  /** Source of the metrics about control. */
  get metrics(): ControlMetrics {
    return { leads: () => this.lease.leading, groups: () => this.view.metrics() };
  }

  /** NATS is back, possibly without its data. */
  restart(): void {
    for (const watch of this.watches) watch.restart();
    this.events.restart();
    this.loop.reset();
    this.presence.reset();
    this.addBundles().catch((error: unknown) => {
      this.options.logger.warn({ error: messageOf(error) }, 'cannot store the bundles in NATS again');
    });
  }

  async stop(): Promise<void> {
    await Promise.all([this.webhook?.stop(), this.loop.stop(), this.presence.stop()]);
    await this.lease.stop();
    for (const watch of this.watches) watch.stop();
    await this.events.stop();
  }

  private async addBundles(): Promise<void> {
    for (const directory of this.options.config.bundle) {
      const { digest, name, samples } = await this.bundles.add(directory);
      this.options.logger.info(
        { digest, bundle: name, samples },
        'calibration table given to all controllers',
      );
    }
  }

  private onLease(leads: boolean): void {
    const { logger, config } = this.options;
    this.loop.reset();
    this.presence.reset();
    logger.info(
      { instance: config.instanceName },
      leads ? 'this controller leads' : 'this controller no longer leads',
    );
    if (leads) this.tell('leader', eventTexts.leads(config.instanceName));
  }

  /** An event of this controller alone: no other one reports it. */
  private tell(kind: FleetEventKind, text: string, severity: FleetEvent['severity'] = 'info'): void {
    const { logger, config } = this.options;
    const event = newEvent({ group: '', kind, severity, author: config.instanceName, text });
    this.events.publish('', `${kind}/${randomUUID()}`, [event]).catch((error: unknown) => {
      logger.warn({ error: messageOf(error), event: text }, 'cannot publish an event');
    });
  }
}
