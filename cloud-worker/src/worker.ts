import {
  Bundle,
  type Clock,
  elementsOf,
  InferencePool,
  type Logger,
  OfframpError,
  parseListenAddress,
  shortDigest,
  systemClock,
} from '@offramp/shared';
import { Admission } from './admission.js';
import { threadsOf, type WorkerConfig } from './config.js';
import { GrpcServer } from './grpc-server.js';
import { Intake } from './intake.js';
import { ServedBundle } from './served-bundle.js';
import { WorkerStats } from './worker-stats.js';

/** What a request may hold besides its tensor: digest, thresholds, shape, and what later versions add. */
const requestSlackBytes = 64 * 2 ** 10;
const bytesPerElement = 4;

/** A running worker. */
export interface Worker {
  /** Where it listens, as clients dial it: `host:port` with the actual port, or `unix:/path`. */
  readonly address: string;
  /** Resolves when it has stopped; rejects if it could not go on, such as when an inference thread was lost. */
  readonly done: Promise<void>;
  readonly stats: WorkerStats;
  /** Drains, then ends: see the option `drainMs`. May be called more than once. */
  stop(): Promise<void>;
}

export interface WorkerDependencies {
  clock?: Clock;
}

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
  const bundles = await openBundles(config.bundle);
  const stats = new WorkerStats();
  const pools: InferencePool[] = [];
  let onLost = (_: OfframpError) => {};
  const lost = new Promise<OfframpError>((resolve) => {
    onLost = resolve;
  });
  const closePools = () => Promise.all(pools.map((pool) => pool.close()));
  try {
    const served = new Map<string, ServedBundle>();
    const { intraOpThreads, maxBatch, maxWaitMs } = config;
    const threads = threadsOf(config);
    for (const bundle of bundles) {
      const pool = await InferencePool.create(bundle, { threads, intraOpThreads, onLost });
      pools.push(pool);
      const options = { threads, maxBatch, maxWaitMs };
      served.set(bundle.digest, new ServedBundle(bundle, pool, options, stats, clock, logger));
      logger.info({ bundle: bundle.directory, digest: shortDigest(bundle.digest), threads }, 'bundle loaded');
    }
    const intake = new Intake(served, new Admission(config.maxQueue), stats, clock);
    const options = { ...config, listen, maxRequestBytes: maxRequestBytes(bundles) };
    const { server, address } = await GrpcServer.start(intake, options, stats, clock, logger);
    logger.info({ address }, 'listening');
    const stopReporting = reportStats(stats, config.statsIntervalMs, clock, logger);

    let requestStop = () => {};
    const asked = new Promise<void>((resolve) => {
      requestStop = resolve;
    });
    const done = (async () => {
      const failure = await Promise.race([asked, lost]);
      if (failure) logger.fatal({ err: failure }, 'an inference thread was lost');
      logger.info({ drainMs: config.drainMs }, 'draining');
      await server.stop(config.drainMs);
      await closePools();
      stopReporting();
      logger.info(stats.counts(), 'stopped');
      if (failure) throw failure;
    })();
    const stop = () => {
      requestStop();
      return done;
    };
    return { address, done, stats, stop };
  } catch (error) {
    await closePools();
    throw error;
  }
}

async function openBundles(directories: readonly string[]): Promise<Bundle[]> {
  const bundles: Bundle[] = [];
  for (const directory of directories) {
    const bundle = await Bundle.open(directory);
    const same = bundles.find(({ digest }) => digest === bundle.digest);
    if (same) {
      throw new OfframpError(
        'CONFIG_INVALID',
        `bundle: expected different ones; ${same.directory} and ${directory} are the same`,
      );
    }
    bundles.push(bundle);
  }
  return bundles;
}

function maxRequestBytes(bundles: readonly Bundle[]): number {
  const inputs = bundles.flatMap(({ manifest }) => manifest.stages.map(({ inputShape }) => inputShape));
  return Math.max(...inputs.map(elementsOf)) * bytesPerElement + requestSlackBytes;
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
