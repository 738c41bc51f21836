export * from './metrics-registry.js';
export * from './metrics-server.js';
export * from './process-metrics.js';
