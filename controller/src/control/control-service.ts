import { randomUUID } from 'node:crypto';
import {
  type Clock,
  type Logger,
  messageOf,
  openControlBucket,
  openLeaseBucket,
  openPolicyBucket,
} from '@offramp/shared';
import type { NatsConnection } from 'nats';
import type { EvidenceRegister } from '../evidence/evidence-register.js';
import type { ControlMetrics } from '../metrics/group-metrics.js';
import type { PolicyStore } from '../policy/policy-store.js';
import type { FleetRegister } from '../register/fleet-register.js';
import type { WorkerRegister } from '../register/worker-register.js';
import { BucketWatch } from './bucket-watch.js';
import { BundleTables } from './bundle-tables.js';
import { ControlStore } from './control-store.js';
import { ControlView } from './control-view.js';
import { EventLog } from './event-log.js';
import { GroupDriver } from './group-driver.js';
import { LeaderLoop } from './leader-loop.js';
import { Lease } from './lease.js';
import { NatsControl } from './nats-control.js';
import { PresenceLoop } from './presence-loop.js';
import { nothingOf } from './receive-orders.js';
import { Webhook } from './webhook.js';

export interface ControlServiceOptions {
  bus: NatsConnection;
  policies: PolicyStore;
  register: FleetRegister;
  evidence: EvidenceRegister;
  workers: WorkerRegister;
  clock: Clock;
  logger: Logger;
  /** When the telemetry stream that evidence is of was made. */
  streamCreated(): string;
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

/** How often it is looked who has fallen silent, and who is back. */
const presenceEveryMs = 2_000;

/** What makes a controller set thresholds by goals, together with others like it. */
export class ControlService {
  readonly control: NatsControl;
  private readonly view: ControlView;
  private readonly watches: BucketWatch[];
  private readonly lease: Lease;
  private readonly loop: LeaderLoop;
  private readonly presence: PresenceLoop;
  private readonly events: EventLog;
  private readonly bundles: BundleTables;
  private readonly webhook: Webhook | null;

  private constructor(
    private readonly options: ControlServiceOptions,
    store: ControlStore,
  ) {
    const { bus, policies, register, evidence, workers, clock, logger, streamCreated, config } = options;
    const { replicas, webhook } = config;
    const view = new ControlView(evidence, streamCreated);
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
    this.lease = new Lease({
      ...{ instance: config.instanceName, ttlMs: config.leaseTtlMs, clock, logger },
      open: () => openLeaseBucket(bus, config.leaseTtlMs, replicas),
      onChange: (leads) => this.onLease(leads),
    });
    this.webhook = webhook ? new Webhook({ bus, replicas, url: webhook, logger, leading }) : null;
    this.control = new NatsControl({
      ...{ store, policies, events: this.events, bundles: this.bundles, view, lease: this.lease },
      ...{ register, evidence, workers, now: () => clock.now() },
    });
  }

  /**
   * Has evidence forgotten that has been taken into account, so that it may be read from now on.
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

  /** To be called when all evidence has been read: from then on this controller may lead. */
  async start(): Promise<void> {
    await this.events.start();
    await this.lease.start();
    this.loop.start();
    this.presence.start();
    this.webhook?.start();
  }

  /** What metrics say of the control. */
  get metrics(): ControlMetrics {
    return { leads: () => this.lease.leading, groups: () => this.view.metrics() };
  }

  /** NATS is there again; what it knew of this controller may be lost, or all that it held. */
  restart(): void {
    for (const watch of this.watches) watch.restart();
    this.events.restart();
    this.loop.startAnew();
    this.presence.startAnew();
    this.addBundles().catch((error: unknown) => {
      this.options.logger.warn({ error: messageOf(error) }, 'cannot give the bundles to NATS again');
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
    this.loop.startAnew();
    this.presence.startAnew();
    logger.info(
      { instance: config.instanceName },
      leads ? 'this controller leads' : 'this controller does not lead any more',
    );
    if (!leads) return;
    const event = {
      ...nothingOf(''),
      kind: 'leader',
      severity: 'info',
      author: config.instanceName,
    } as const;
    this.events
      .publish('', `leader/${randomUUID()}`, [
        { ...event, text: `${config.instanceName} leads from now on.` },
      ])
      .catch((error: unknown) => logger.warn({ error: messageOf(error) }, 'cannot say who leads'));
  }
}
