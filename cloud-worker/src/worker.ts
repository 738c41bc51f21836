import {
  Bundle,
  type Clock,
  checkName,
  hostName,
  type Logger,
  OfframpError,
  parseListenAddress,
  setHeapGrowth,
  systemClock,
} from '@offramp/shared';
import { Admission } from './admission.js';
import { BundleFolder } from './bundle-folder.js';
import { BundleShelf } from './bundle-shelf.js';
import { sessionOptionsOf, threadsOf, type WorkerConfig } from './config.js';
import { Dispatcher } from './dispatcher.js';
import { FairClock } from './fair-clock.js';
import { GrpcServer } from './grpc-server.js';
import { Intake } from './intake.js';
import { WorkerObserver } from './report/worker-observer.js';
import { laterRequestBytes, requestBytesOf } from './request-bytes.js';
import { RowStore } from './row-store.js';
import { ServiceRate } from './service-rate.js';
import { WorkerStats } from './worker-stats.js';

/** A running worker. */
export interface Worker {
  /** Where it listens, as clients dial it: `host:port` with the actual port, or `unix:/path`. */
  readonly address: string;
  /** `http://host:port` or `unix:/path`, where Prometheus is listened for; `null` without. */
  readonly metricsAddress: string | null;
  /** Resolves when it has stopped; rejects if it could not go on, such as when an inference thread was lost. */
  readonly done: Promise<void>;
  readonly stats: WorkerStats;
  /** Drains, then ends: see the option `drainMs`. May be called more than once. */
  stop(): Promise<void>;
}

export interface WorkerDependencies {
  clock?: Clock;
}

/** A worker has memory; what it lacks is time on its event loop. */
const heapGrowthPercent = 900;

/**
 * Loads the bundles and serves them.
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`, `BUNDLE_INVALID`, `BUNDLE_CORRUPT`,
 *   `INFERENCE_FAILED`, `PORT_IN_USE`, `LISTEN_FAILED`
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
  setHeapGrowth(heapGrowthPercent);
  let onLost = (_: OfframpError) => {};
  const lost = new Promise<OfframpError>((resolve) => {
    onLost = resolve;
  });
  const stats = new WorkerStats();
  const rate = new ServiceRate();
  const threads = threadsOf(config);
  const shelf = new BundleShelf(
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
  const folder = config.bundleFolder
    ? new BundleFolder(config.bundleFolder, shelf, config.bundleScanMs, clock, logger)
    : null;
  const observer = await WorkerObserver.create(config, { name, threads, stats }, clock, logger);
  try {
    const given = await Promise.all(config.bundle.map((directory) => Bundle.open(directory)));
    for (const bundle of given) await shelf.add(bundle);
    if (folder) await folder.start();
    const intake = new Intake(shelf, new Admission(config.maxQueue, rate), rate, stats, clock);
    const options = { ...config, listen, maxRequestBytes: maxRequestBytes(given, folder !== null) };
    const { server, address } = await GrpcServer.start(intake, options, stats, clock, logger);
    logger.info({ address }, 'listening');
    const stopReporting = reportStats(stats, config.statsIntervalMs, clock, logger);
    observer.begin();

    let requestStop = () => {};
    const asked = new Promise<void>((resolve) => {
      requestStop = resolve;
    });
    const done = (async () => {
      const failure = await Promise.race([asked, lost]);
      if (failure) logger.fatal({ err: failure }, 'an inference thread was lost');
      logger.info({ drainMs: config.drainMs }, 'draining');
      await folder?.stop();
      await server.stop(config.drainMs);
      await shelf.close();
      stopReporting();
      await observer.stop();
      logger.info(stats.counts(), 'stopped');
      if (failure) throw failure;
    })();
    const stop = () => {
      requestStop();
      return done;
    };
    return { address, metricsAddress: observer.metricsAddress, done, stats, stop };
  } catch (error) {
    await Promise.all([observer.stop(), folder?.stop()]);
    await shelf.close();
    throw error;
  }
}

/** @param open whether others may come later */
function maxRequestBytes(bundles: readonly Bundle[], open: boolean): number {
  const needed = bundles.map(requestBytesOf);
  return Math.max(...needed, open ? laterRequestBytes : 0);
}

/** Logs the counts at every interval. @returns what ends that */
function reportStats(stats: WorkerStats, intervalMs: number, clock: Clock, logger: Logger): () => void {
  if (intervalMs === 0) return () => {};
  const report = () => {
    logger.info(stats.counts(), 'stats');
    cancel = clock.after(intervalMs, report);
  };
  let cancel = clock.after(intervalMs, report);
  return () => cancel();
}
