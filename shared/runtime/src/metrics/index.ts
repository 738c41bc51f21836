export { type MetricReading, MetricsRegistry, type MetricsText } from './metrics-registry.js';
export { type MetricsServer, startMetricsServer } from './metrics-server.js';
export { addProcessMetrics } from './process-metrics.js';
