export { type WorkerConfig, workerConfig, workerHeapGrowthPercent } from './config.js';
export type { WorkerCounts, WorkerStats } from './report/worker-stats.js';
export { openWorkerCredentials } from './tls/worker-tls.js';
export { startWorker, type Worker, type WorkerDependencies } from './worker.js';
