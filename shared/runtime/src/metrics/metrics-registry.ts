import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What Prometheus is told at one look. */
export interface MetricsText {
  readonly contentType: string;
  /** In Prometheus' text format. */
  text(): Promise<string>;
}

export interface MetricDefinition {
  /** As Prometheus has it: the unit at the end, before `_total` of a counter. */
  name: string;
  /** One sentence. */
  help: string;
  /** Names of labels; of each there may be few values only. */
  labels?: readonly string[];
}

/** A value, or one for each set of labels; `null`: there is none now. */
export type MetricReading =
  | number
  | null
  | Iterable<readonly [labels: Readonly<Record<string, string>>, value: number]>;

/**
 * A program's metrics, which read what the program counts anyway whenever somebody looks. There is one for each program that
 * runs, not one for the process.
 */
export class MetricsRegistry implements MetricsText {
  private readonly registry = new Registry();

  get contentType(): string {
    return this.registry.contentType;
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** @param read a count since the start of the program */
  counter({ name, help, labels = [] }: MetricDefinition, read: () => MetricReading): void {
    new Counter({
      name,
      help,
      labelNames: [...labels],
      registers: [this.registry],
      collect() {
        this.reset();
        forEach(read(), (of, value) => this.inc(of, value));
      },
    });
  }

  gauge({ name, help, labels = [] }: MetricDefinition, read: () => MetricReading): void {
    new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [this.registry],
      collect() {
        this.reset();
        // Without labels, `reset` leaves a 0, also where there is no value now.
        if (labels.length === 0) this.remove();
        forEach(read(), (of, value) => this.set(of, value));
      },
    });
  }

  /** @param buckets upper bounds, in the metric's unit, ascending */
  histogram({ name, help }: MetricDefinition, buckets: readonly number[]): { observe(value: number): void } {
    return new Histogram({ name, help, buckets: [...buckets], registers: [this.registry] });
  }
}

function forEach(
  reading: MetricReading,
  take: (labels: Readonly<Record<string, string>>, value: number) => void,
): void {
  if (reading === null) return;
  if (typeof reading === 'number') take({}, reading);
  else for (const [labels, value] of reading) take(labels, value);
}
