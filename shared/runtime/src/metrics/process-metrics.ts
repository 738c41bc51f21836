import type { MetricsRegistry } from './metrics-registry.js';

/** What the process takes of its machine, under the names that Prometheus' own client libraries give. */
export function addProcessMetrics(metrics: MetricsRegistry): void {
  const startedSeconds = Date.now() / 1_000 - process.uptime();
  metrics.counter({ name: 'process_cpu_seconds_total', help: 'Processor time of all threads.' }, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  metrics.gauge({ name: 'process_resident_memory_bytes', help: 'Memory in use.' }, () =>
    process.memoryUsage.rss(),
  );
  metrics.gauge(
    { name: 'process_start_time_seconds', help: 'When the process started, since 1970.' },
    () => startedSeconds,
  );
}
