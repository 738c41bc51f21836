import {
  type Clock,
  type ConfigOf,
  connectBus,
  ensureTelemetryStream,
  type Logger,
  messageOf,
  OfframpError,
  openPolicyBucket,
  policyBucket,
  republishesPolicies,
  setHeapGrowth,
  systemClock,
  type TelemetryRetention,
} from '@offramp/shared';
import { Events, type NatsConnection } from 'nats';
import { FleetActivity } from './activity/fleet-activity.js';
import { Endpoints } from './api/endpoints.js';
import type { controllerConfig } from './config.js';
import { ControlService } from './control/control-service.js';
import { EvidenceRegister } from './evidence/evidence-register.js';
import type { HttpApi, HttpApiController } from './http/http-api.js';
import { readToken } from './http/token.js';
import type { ControllerMetrics, ControllerMetricsParts } from './metrics/controller-metrics.js';
import { PolicyStore } from './policy/policy-store.js';
import { type Applied, FleetRegister } from './register/fleet-register.js';
import { readReport } from './register/report.js';
import { WorkerRegister } from './register/worker-register.js';
import { StreamFeed, type StreamMessage } from './stream-feed.js';
import { followWorkers } from './worker-feed.js';

export type ControllerConfig = ConfigOf<typeof controllerConfig>;

export interface ControllerDependencies {
  /** Default: the system's. */
  clock?: Clock;
}

/** A controller that is running. */
export interface Controller {
  /** Resolves after `stop`; rejects if the NATS server refuses the controller for good. */
  readonly done: Promise<void>;
  /** Answers the requests it has, and disconnects. May be called more than once. */
  stop(): Promise<void>;
  /** `http://host:port` or `unix:/path`, where the HTTP API listens; `null` without one. */
  readonly httpAddress: string | null;
}

const stopDeadlineMs = 2_000;
/** Twice what lives is enough: what grows beyond are windows that are over. */
const heapGrowthPercent = 100;
/** What the dashboard shows as the present. */
const activityWindowMs = 300_000;
const maxActiveGroups = 1_000;

/**
 * Starts a controller, which is ready when this resolves: it has read every report that NATS still holds,
 * and answers requests. It keeps nothing itself; another may run beside it or in its place at any time.
 * @throws OfframpError `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`, `CONFIG_INVALID`, `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function startController(
  config: ControllerConfig,
  logger: Logger,
  dependencies: ControllerDependencies = {},
): Promise<Controller> {
  setHeapGrowth(heapGrowthPercent);
  const clock = dependencies.clock ?? systemClock;
  const bus = await connectBus({
    url: config.nats,
    name: 'offramp-controller',
    waitOnFirstConnect: config.waitForNats,
  });
  try {
    return await runOn(bus, config, logger, clock);
  } catch (error) {
    await bus.close();
    throw error;
  }
}

async function runOn(
  bus: NatsConnection,
  config: ControllerConfig,
  logger: Logger,
  clock: Clock,
): Promise<Controller> {
  const { replicas } = config;
  const retention: TelemetryRetention = {
    maxAgeMs: config.telemetryMaxAgeMs,
    maxBytes: config.telemetryMaxBytes,
    replicas,
  };
  const bucket = await openPolicyBucket(bus, replicas);
  if (!(await republishesPolicies(bucket))) {
    logger.warn(
      { bucket: policyBucket, nats: bus.info?.version },
      'devices get policies up to half a minute late: this bucket is of an older Offramp, and NATS before 2.10 cannot change it; update NATS',
    );
  }
  const stream = await ensureTelemetryStream(bus, retention);
  const register = new FleetRegister({ ...config, forgetAfterMs: retention.maxAgeMs });
  const evidence = new EvidenceRegister({
    windowMs: retention.maxAgeMs,
    deviceWindowMs: Math.min(config.deviceEvidenceMs, retention.maxAgeMs),
    maxDevices: config.maxDevices,
  });
  const workers = new WorkerRegister();
  let connected = true;
  const metrics = await createMetrics(config, {
    register,
    workers,
    reports: () => reports.counts,
    connected: () => connected,
    now: () => clock.now(),
  });
  const activity = new FleetActivity({ windowMs: activityWindowMs, maxGroups: maxActiveGroups });
  const reports = new ReportCounter(register, evidence, activity, metrics, clock, logger);
  followWorkers(bus, workers, clock, logger);
  const feed = new StreamFeed({
    ...{ bus, clock, logger, name: 'the telemetry stream' },
    ensure: () => ensureTelemetryStream(bus, retention),
    onNewStream: () => evidence.startAnew(),
    take: (message) => reports.take(message),
  });
  const policies = new PolicyStore(bus, bucket);
  const service = await ControlService.prepare({
    ...{ bus, policies, register, evidence, workers, clock, logger, config },
    streamCreated: () => feed.streamCreated || stream.created,
  });
  const endpoints = new Endpoints({
    bus,
    register,
    evidence,
    policies,
    control: service.control,
    clock,
    logger,
    statistics: () => ({ devices: register.size, workers: workers.size, ...reports.counts }),
  });
  const onReconnect = () => {
    feed.restart();
    service.restart();
    openPolicyBucket(bus, replicas).catch((error: unknown) => {
      logger.warn({ error: messageOf(error) }, 'cannot open the bucket of policies');
    });
  };
  watchConnection(bus, logger, (now) => {
    connected = now;
    if (connected) onReconnect();
  });
  await feed.start();
  metrics?.ready();
  metrics?.follow(service.metrics);
  service.control.onEvent(({ kind }) => metrics?.countEvent(kind));
  await service.start();
  await endpoints.start();
  const { control } = service;
  const known = { register, evidence, activity, control, policies, metrics, clock };
  const connection = { ready: () => !bus.isClosed(), connected: () => connected };
  const http = await listen(config, { ...known, ...connection }, logger).catch(async (error: unknown) => {
    // What goes on by itself would keep the process.
    await Promise.all([endpoints.stop(), service.stop(), feed.stop()]);
    throw error;
  });
  logger.info(
    { nats: bus.getServer(), devices: register.size, ...reports.counts },
    'the controller is ready',
  );

  let stopped: Promise<void> | null = null;
  const stop = async () => {
    // Without a server there is nobody to wait for.
    const deadline = setTimeout(() => bus.close(), stopDeadlineMs);
    const drained = Promise.all([endpoints.stop(), service.stop(), feed.stop(), http?.close()]).then(() =>
      bus.drain(),
    );
    await Promise.race([bus.closed(), drained.catch(() => undefined)]);
    clearTimeout(deadline);
    await bus.close(); // A drain that the loss of the server cuts short does not close.
    await feed.stop();
    logger.info('the controller has stopped');
  };
  const done = bus.closed().then(async (error) => {
    if (stopped) return;
    await Promise.all([service.stop(), feed.stop(), http?.close()]);
    throw new OfframpError(
      'NATS_UNAVAILABLE',
      `the NATS server ended the connection: ${error ? error.message : 'no reason given'}`,
    );
  });
  return {
    done,
    httpAddress: http?.address ?? null,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

async function listen(
  config: ControllerConfig,
  controller: HttpApiController,
  logger: Logger,
): Promise<HttpApi | null> {
  if (config.listen === undefined) return null;
  const { startHttpApi } = await import('./http/http-api.js');
  const token = await readToken(config.tokenFile, process.env);
  return startHttpApi({ listen: config.listen, token }, controller, logger);
}

/** Metrics are loaded only where somebody can look at them. */
async function createMetrics(
  config: ControllerConfig,
  parts: ControllerMetricsParts,
): Promise<ControllerMetrics | null> {
  if (config.listen === undefined) return null;
  const { ControllerMetrics } = await import('./metrics/controller-metrics.js');
  return new ControllerMetrics(parts);
}

/** Reports into the register, and what became of them. */
class ReportCounter {
  readonly counts: Record<Applied | 'invalid', number> = {
    counted: 0,
    repeated: 0,
    stale: 0,
    full: 0,
    invalid: 0,
  };

  constructor(
    private readonly register: FleetRegister,
    private readonly evidence: EvidenceRegister,
    private readonly activity: FleetActivity,
    private readonly metrics: ControllerMetrics | null,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  take({ subject, data, seenAtMs, ...stored }: StreamMessage): void {
    try {
      const report = readReport(subject, data);
      const applied = this.register.apply(report, seenAtMs, this.clock.now());
      if (applied === 'counted') {
        this.evidence.add(report, stored);
        this.activity.add(report, stored.storedAtMs);
        this.metrics?.countWindow(report.group, report.window);
      }
      const warning = {
        counted: null,
        repeated: null,
        stale: 'a report of a former boot was dropped; if this goes on, two agents have the same name',
        full: 'a new device was left out: the register is full (see --max-devices)',
      }[applied];
      this.count(applied, subject, warning);
    } catch (error) {
      this.count('invalid', subject, `a report was dropped: ${messageOf(error)}`);
    }
  }

  /** Warns at the 1st, 2nd, 4th, 8th …, so that one bad device cannot flood the log. */
  private count(outcome: Applied | 'invalid', subject: string, warning: string | null): void {
    const total = ++this.counts[outcome];
    if (warning && Number.isInteger(Math.log2(total))) {
      this.logger.warn({ subject, outcome, total }, warning);
    }
  }
}

async function watchConnection(
  bus: NatsConnection,
  logger: Logger,
  onChange: (connected: boolean) => void,
): Promise<void> {
  for await (const status of bus.status()) {
    if (status.type === Events.Disconnect) {
      logger.warn({ nats: status.data }, 'lost the NATS server; connecting again');
      onChange(false);
    } else if (status.type === Events.Reconnect) {
      logger.info({ nats: status.data }, 'connected to the NATS server again');
      onChange(true);
    } else if (status.type === Events.Error) {
      logger.warn({ error: status.data }, 'the NATS server reports an error');
    }
  }
}
