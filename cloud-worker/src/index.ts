export { type WorkerConfig, workerConfig } from './config.js';
export { startWorker, type Worker, type WorkerDependencies } from './worker.js';
export type { WorkerCounts, WorkerStats } from './worker-stats.js';
