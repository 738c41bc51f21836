import { Bundle } from '@offramp/bundle';
import { checkName, hostName, openOptionalBus } from '@offramp/contracts';
import {
  type Clock,
  checkPlainText,
  type Logger,
  OfframpError,
  type Program,
  parseListenAddress,
  startProgram,
  systemClock,
} from '@offramp/runtime';
import { Admission } from './admission/admission.js';
import { ServiceRate } from './admission/service-rate.js';
import { Dispatcher } from './batching/dispatcher.js';
import { FairClock } from './batching/fair-clock.js';
import { RowStore } from './batching/row-store.js';
import { BundleFolder } from './bundles/bundle-folder.js';
import { BundleRegistry } from './bundles/bundle-registry.js';
import { sessionOptionsOf, threadsOf, type WorkerConfig } from './config.js';
import { GrpcServer } from './grpc/grpc-server.js';
import { Intake } from './grpc/intake.js';
import { laterRequestBytes, requestBytesOf } from './grpc/request-bytes.js';
import { PictureQueue } from './pictures/picture-queue.js';
import { WorkerObserver } from './report/worker-observer.js';
import { WorkerStats } from './report/worker-stats.js';
import { describeTls, openWorkerCredentials } from './tls/worker-tls.js';

/** A running worker. Its `done` rejects if it cannot continue, such as after the loss of an inference thread. */
export interface Worker extends Program {
  /** Address for clients: `host:port` with the actual port, or `unix:/path`. */
  readonly address: string;
  /** Address of the metrics endpoint, `http://host:port` or `unix:/path`; `null` without. */
  readonly metricsAddress: string | null;
  readonly stats: WorkerStats;
}

export interface WorkerDependencies {
  clock?: Clock;
}

/**
 * Loads the bundles and serves them. A stop drains: see the option `drainMs`.
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`, `BUNDLE_INVALID`, `BUNDLE_CORRUPT`,
 *   `INFERENCE_FAILED`, `PORT_IN_USE`, `LISTEN_FAILED`, `CREDENTIALS_INVALID`, `SECRET_EXPOSED`
 */
export async function startWorker(
  config: WorkerConfig,
  logger: Logger,
  { clock = systemClock }: WorkerDependencies = {},
): Promise<Worker> {
  const listen = parseListenAddress(config.listen);
  const name = checkName('worker', config.name ?? hostName());
  if (config.bundle.length === 0 && config.bundleFolder === undefined) {
    throw new OfframpError('CONFIG_INVALID', '--bundle: expected at least one bundle folder; found nothing', {
      hint: 'Give --bundle DIR, or --bundle-folder DIR to serve all bundles in a folder.',
    });
  }
  return startProgram(logger, async ({ resources, fail }) => {
    const credentials = await openWorkerCredentials(config, clock, logger);
    resources.add(() => credentials?.close());
    if (!credentials) {
      const hosts = 'socketPath' in listen ? [] : [listen.host];
      const hint = 'Give --tls-cert and --tls-key to serve over TLS.';
      checkPlainText({ option: '--listen', hosts, insecure: config.insecure, hint }, logger);
    }
    const bus = await openOptionalBus(config, logger, clock);
    resources.add(() => bus?.close());
    const stats = new WorkerStats();
    const rate = new ServiceRate();
    const threads = threadsOf(config);
    const onLost = (error: OfframpError) => {
      logger.fatal({ err: error }, 'an inference thread was lost');
      fail(error);
    };
    const observer = await WorkerObserver.create(
      config,
      { name, threads, stats, bus, certificateExpiresMs: () => credentials?.value.own.expiresMs ?? null },
      clock,
      logger,
    );
    resources.add(() => observer.stop());
    const bundles = new BundleRegistry(
      { ...config, threads, session: sessionOptionsOf(config), onLost },
      {
        dispatcher: new Dispatcher(threads, rate),
        fairClock: new FairClock(),
        rows: new RowStore(config.maxQueue),
        stats,
        clock,
        logger,
      },
    );
    resources.add(() => bundles.close());
    const given = await Promise.all(config.bundle.map((directory) => Bundle.open(directory)));
    for (const bundle of given) await bundles.add(bundle);
    const folder = config.bundleFolder
      ? new BundleFolder(config.bundleFolder, bundles, config.bundleScanMs, clock, logger)
      : null;
    resources.add(() => folder?.stop());
    await folder?.start();
    const pictures = new PictureQueue(clock);
    resources.add(() => pictures.close());
    const intake = new Intake(bundles, new Admission(config.maxQueue, rate), pictures, rate, stats, clock);
    const options = {
      ...config,
      ...{ listen, credentials, maxRequestBytes: maxRequestBytes(given, folder !== null) },
    };
    const { server, address } = await GrpcServer.start(intake, options, stats, clock, logger);
    logger.info({ address, ...describeTls(credentials) }, 'listening');
    stats.observeConnections(() => server.refusedConnections);
    resources.add(reportStats(stats, config.statsIntervalMs, clock, logger));
    observer.begin();
    const drain = async () => {
      logger.info({ drainMs: config.drainMs }, 'draining');
      await Promise.all([server.stop(config.drainMs), folder?.stop()]);
      logger.info(stats.counts(), 'stopped');
    };
    return { view: { address, metricsAddress: observer.metricsAddress, stats }, drain };
  });
}

/** @param open whether bundles may be added later */
function maxRequestBytes(bundles: readonly Bundle[], open: boolean): number {
  const needed = bundles.map(requestBytesOf);
  return Math.max(...needed, open ? laterRequestBytes : 0);
}

/** Logs the counts at every interval. @returns a function that stops it */
function reportStats(stats: WorkerStats, intervalMs: number, clock: Clock, logger: Logger): () => void {
  if (intervalMs === 0) return () => {};
  const report = () => {
    logger.info(stats.counts(), 'stats');
    cancel = clock.after(intervalMs, report);
  };
  let cancel = clock.after(intervalMs, report);
  return () => cancel();
}
