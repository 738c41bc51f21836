import {
  BusAccess,
  connectBus,
  ensureTelemetryStream,
  openPolicyBucket,
  policyBucket,
  republishesPolicies,
  type TelemetryRetention,
  watchConnection,
} from '@offramp/contracts';
import {
  type Clock,
  type ConfigOf,
  type Logger,
  messageOf,
  OfframpError,
  type Program,
  type Resources,
  startProgram,
  systemClock,
} from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import type { controllerConfig } from './config.js';
import type { HttpApi, HttpApiController } from './http/http-api.js';
import { readToken } from './http/token.js';
import { EvidenceRegister } from './ingest/evidence/evidence-register.js';
import { FleetActivity } from './ingest/register/fleet-activity.js';
import { FleetRegister } from './ingest/register/fleet-register.js';
import { WorkerRegister } from './ingest/register/worker-register.js';
import { ReportCounter } from './ingest/report-counter.js';
import { followWorkers } from './ingest/worker-feed.js';
import { ControlService } from './lead/control-service.js';
import { readiness } from './lead/readiness.js';
import type { ControllerMetrics, ControllerMetricsParts } from './metrics/controller-metrics.js';
import { Endpoints } from './nats-api/endpoints.js';
import { createOperations } from './operations/operations.js';
import { PolicyStore } from './store/policy-store.js';
import { StreamFeed } from './streams/stream-feed.js';

export type ControllerConfig = ConfigOf<typeof controllerConfig>;

export interface ControllerDependencies {
  /** Default: the system's. */
  clock?: Clock;
}

/** A running controller. Its `done` rejects if the NATS server refuses it permanently. */
export interface Controller extends Program {
  /** Address of the HTTP API, `http://host:port` or `unix:/path`; `null` without one. */
  readonly httpAddress: string | null;
}

/** How long a stop waits for NATS. */
const stopDeadlineMs = 2_000;
/** The time window that the dashboard shows. */
const activityWindowMs = 300_000;
const maxActiveGroups = 1_000;

/**
 * Starts a controller, which is ready when this resolves: it has read every report in NATS, and answers requests.
 * It stores nothing itself, so another one can run beside it or replace it at any time. A stop first answers
 * received requests.
 * @throws OfframpError `NATS_UNAVAILABLE`, `NATS_REFUSED`, `NATS_WITHOUT_TLS`, `NATS_UNTRUSTED`, `JETSTREAM_UNAVAILABLE`,
 *   `CONFIG_INVALID`, `FILE_NOT_FOUND`, `CREDENTIALS_INVALID`, `SECRET_EXPOSED`, `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function startController(
  config: ControllerConfig,
  logger: Logger,
  dependencies: ControllerDependencies = {},
): Promise<Controller> {
  const clock = dependencies.clock ?? systemClock;
  return startProgram(logger, async ({ resources, fail }) => {
    let stopping = false;
    const access = await BusAccess.open(config, logger, clock);
    resources.add(() => access.close());
    const bus = await connectBus({
      access,
      name: 'offramp-controller',
      party: { role: 'controller', name: config.instanceName },
      waitOnFirstConnect: config.waitForNats,
    });
    resources.add(() => disconnect(bus, logger));
    void bus.closed().then((error) => {
      if (!stopping) fail(connectionEnded(error?.message));
    });
    const view = await runOn(bus, config, logger, clock, resources);
    const drain = async () => {
      stopping = true;
      // Without a server, releasing would wait forever.
      const deadline = setTimeout(() => bus.close(), stopDeadlineMs);
      void bus.closed().then(() => clearTimeout(deadline));
    };
    return { view, drain };
  });
}

async function runOn(
  bus: NatsConnection,
  config: ControllerConfig,
  logger: Logger,
  clock: Clock,
  resources: Resources,
): Promise<{ httpAddress: string | null }> {
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
      'devices get policies up to half a minute late: an older Offramp created the bucket, and NATS before 2.10 cannot change it; update NATS',
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
    onNewStream: () => evidence.reset(),
    take: (message) => reports.take(message),
  });
  resources.add(() => feed.stop());
  const policies = new PolicyStore(bus, bucket);
  const service = await ControlService.prepare({
    ...{ bus, policies, register, evidence, workers, clock, logger, config },
    streamCreated: () => feed.streamCreated || stream.created,
    connected: () => connected,
  });
  resources.add(() => service.stop());
  void watchConnection(bus, {
    onConnect: () => {
      connected = true;
      logger.info({ nats: bus.getServer() }, 'reconnected to the NATS server');
      feed.restart();
      service.restart();
      openPolicyBucket(bus, replicas).catch((error: unknown) => {
        logger.warn({ error: messageOf(error) }, 'cannot open the bucket of policies');
      });
    },
    onDisconnect: () => {
      connected = false;
      logger.warn('lost the NATS server; reconnecting');
    },
    onProblem: (problem) => logger.warn({ problem }, 'the NATS server reports an error'),
  });
  await feed.start();
  metrics?.ready();
  metrics?.follow(service.metrics);
  const { store, events, bundles, view, lease } = service;
  const operations = createOperations({
    ...{ register, evidence, workers, policies, store, events, bundles, lease, logger },
    controlled: view,
    now: () => clock.now(),
  });
  operations.events.onEvent(({ kind }) => metrics?.countEvent(kind));
  const endpoints = new Endpoints({
    ...{ bus, operations, logger },
    statistics: () => ({ devices: register.size, workers: workers.size, ...reports.counts }),
  });
  resources.add(() => endpoints.stop());
  await service.start();
  await endpoints.start();
  const known = { register, activity, operations, metrics, clock };
  const standing = () =>
    readiness({
      ...{ closed: bus.isClosed(), connected },
      ...{ storageProblem: service.storage.problem, leader: lease.leader },
    });
  const http = await listen(config, { ...known, connected: () => connected, readiness: standing }, logger);
  resources.add(() => http?.close());
  logger.info(
    { nats: bus.getServer(), devices: register.size, ...reports.counts },
    'the controller is ready',
  );
  return { httpAddress: http?.address ?? null };
}

async function disconnect(bus: NatsConnection, logger: Logger): Promise<void> {
  await Promise.race([bus.closed(), bus.drain().catch(() => undefined)]);
  await bus.close(); // A drain that is interrupted by a lost connection does not close.
  logger.info('the controller has stopped');
}

function connectionEnded(reason = 'no reason given'): OfframpError {
  return new OfframpError('NATS_UNAVAILABLE', `the NATS server ended the connection: ${reason}`);
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

/** Metrics are loaded only if there is an endpoint for them. */
async function createMetrics(
  config: ControllerConfig,
  parts: ControllerMetricsParts,
): Promise<ControllerMetrics | null> {
  if (config.listen === undefined) return null;
  const { ControllerMetrics } = await import('./metrics/controller-metrics.js');
  return new ControllerMetrics(parts);
}
