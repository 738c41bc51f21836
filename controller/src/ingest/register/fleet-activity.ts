import { addCounts, addWindowCounters, LatencySketch, WindowCounters } from '@offramp/contracts';
import type { Report } from '../checked-report.js';

export interface FleetActivityOptions {
  /** Length of the window, in milliseconds. */
  windowMs: number;
  /** Maximum number of groups. Beyond it, the one that was silent longest is dropped. */
  maxGroups: number;
}

/** Counts of a group's devices. */
class ActivityCounts extends WindowCounters {
  /** Samples of `degraded` that a worker refused. */
  refusedByWorker = 0;
  /** Answers per exit; the last entry is the final exit. */
  exits: number[] = [];
}

/** Activity of a group's devices in the last few minutes. */
export interface GroupActivity extends ActivityCounts {
  /** From the start of the first counted span to the newest report of the fleet, in milliseconds; 0 without counts. */
  windowMs: number;
  /** `null` without answers. */
  latencyP50Ms: number | null;
  latencyP99Ms: number | null;
}

interface Span {
  startMs: number;
  counts: ActivityCounts;
}

interface GroupSpans {
  /** Oldest first; none for times without reports. */
  spans: Span[];
  /** Latencies of the current half of the window, and of the previous one. */
  latencies: { startMs: number; sketch: LatencySketch }[];
}

const spansPerWindow = 30;

/**
 * The current activity of each group, from its devices' reports. The cost of a report and of a query does not depend on the
 * size of the fleet. It has no clock: the current time is that of the newest report in NATS.
 */
export class FleetActivity {
  /** Least recently reported first. */
  private readonly groups = new Map<string, GroupSpans>();
  private readonly spanMs: number;
  private nowMs = 0;

  constructor(private readonly options: FleetActivityOptions) {
    this.spanMs = options.windowMs / spansPerWindow;
  }

  /**
   * Adds a report that has not been counted before.
   * @param storedAtMs when the NATS server stored it, in milliseconds since 1970
   */
  add({ group, window, evidence, latency }: Report, storedAtMs: number): void {
    this.nowMs = Math.max(this.nowMs, storedAtMs);
    if (storedAtMs <= this.nowMs - this.options.windowMs) return;
    const known = this.groups.get(group) ?? { spans: [], latencies: [] };
    this.groups.delete(group);
    this.groups.set(group, known);
    if (this.groups.size > this.options.maxGroups) {
      const [silent] = this.groups.keys();
      if (silent !== undefined) this.groups.delete(silent);
    }
    this.forget(known);
    const { counts } = spanAt(known.spans, startOf(storedAtMs, this.spanMs));
    addWindowCounters(counts, window);
    addExits(counts.exits, window.exits);
    for (const { counts: of } of evidence) counts.refusedByWorker += of.refusedByWorker;
    if (!latency) return;
    const startMs = startOf(storedAtMs, this.options.windowMs / 2);
    let half = known.latencies.find((candidate) => candidate.startMs === startMs);
    if (!half) {
      half = { startMs, sketch: LatencySketch.create() };
      known.latencies.push(half);
    }
    half.sketch.merge(latency);
  }

  activity(group: string): GroupActivity {
    const known = this.groups.get(group) ?? { spans: [], latencies: [] };
    this.forget(known);
    const total = new ActivityCounts();
    for (const { counts } of known.spans) {
      addWindowCounters(total, counts);
      addExits(total.exits, counts.exits);
      total.refusedByWorker += counts.refusedByWorker;
    }
    const latency = LatencySketch.create();
    for (const { sketch } of known.latencies) latency.merge(sketch);
    const at = (q: number) => (latency.count === 0 ? null : latency.quantile(q));
    const first = known.spans[0]?.startMs;
    return {
      windowMs: first === undefined ? 0 : Math.round(this.nowMs - first),
      ...total,
      latencyP50Ms: at(0.5),
      latencyP99Ms: at(0.99),
    };
  }

  private forget(known: GroupSpans): void {
    const { windowMs } = this.options;
    known.spans = known.spans.filter(({ startMs }) => startMs + this.spanMs > this.nowMs - windowMs);
    known.latencies = known.latencies.filter(({ startMs }) => startMs + windowMs / 2 > this.nowMs - windowMs);
  }
}

const startOf = (atMs: number, lengthMs: number) => Math.floor(atMs / lengthMs) * lengthMs;

/** Reports arrive nearly in order, so it is usually the last span or a new one after it. */
function spanAt(spans: Span[], startMs: number): Span {
  let at = spans.length;
  while (at > 0 && (spans[at - 1] as Span).startMs > startMs) at--;
  const before = spans[at - 1];
  if (before?.startMs === startMs) return before;
  const span = { startMs, counts: new ActivityCounts() };
  spans.splice(at, 0, span);
  return span;
}

function addExits(into: number[], exits: readonly number[]): void {
  exits.forEach((answers, exit) => {
    into[exit] = addCounts(into[exit] ?? 0, answers);
  });
}
