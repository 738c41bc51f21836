import { LatencySketch } from '@offramp/shared';
import type { Report } from '../register/report.js';

export interface FleetActivityOptions {
  /** How far back it reaches, in milliseconds. */
  windowMs: number;
  /** Groups that are kept, at most; beyond that the one that was silent longest goes. */
  maxGroups: number;
}

/** What a group's devices did in the last few minutes. */
export interface GroupActivity {
  /** From the start of the first counted span to the newest report of the fleet, in milliseconds; 0: nothing was counted. */
  windowMs: number;
  samples: number;
  /** Answers per exit; the last entry is the final exit. */
  exits: number[];
  offloaded: number;
  degraded: number;
  /** Those of `degraded` that a worker refused. */
  refusedByWorker: number;
  refused: number;
  failed: number;
  offloadBytes: number;
  audited: number;
  auditsAgreed: number;
  /** `null` while nothing was answered. */
  latencyP50Ms: number | null;
  latencyP99Ms: number | null;
}

interface Span extends Omit<GroupActivity, 'windowMs' | 'latencyP50Ms' | 'latencyP99Ms'> {
  startMs: number;
}

interface GroupSpans {
  /** The oldest first; none for times in which nothing came. */
  spans: Span[];
  /** Of the present half of the window, and of the one before. */
  latencies: { startMs: number; sketch: LatencySketch }[];
}

const spansPerWindow = 30;

/**
 * What each group does now, from its devices' reports: a report costs the same in a small fleet and in a large one, and so
 * does looking. It holds no clock: now is when the NATS server took in the newest report.
 */
export class FleetActivity {
  /** The group that reported longest ago comes first. */
  private readonly groups = new Map<string, GroupSpans>();
  private readonly spanMs: number;
  private nowMs = 0;

  constructor(private readonly options: FleetActivityOptions) {
    this.spanMs = options.windowMs / spansPerWindow;
  }

  /**
   * Takes in a report that has not been counted before.
   * @param storedAtMs when the NATS server took it in, in milliseconds since 1970
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
    const span = spanAt(known.spans, startOf(storedAtMs, this.spanMs));
    for (const count of windowCounts) span[count] += window[count];
    for (const { counts: of } of evidence) span.refusedByWorker += of.refusedByWorker;
    window.exits.forEach((answers, exit) => {
      span.exits[exit] = (span.exits[exit] ?? 0) + answers;
    });
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
    const sum = emptySpan(0);
    for (const span of known.spans) {
      for (const count of counts) sum[count] += span[count];
      span.exits.forEach((answers, exit) => {
        sum.exits[exit] = (sum.exits[exit] ?? 0) + answers;
      });
    }
    const latency = LatencySketch.create();
    for (const { sketch } of known.latencies) latency.merge(sketch);
    const at = (q: number) => (latency.count === 0 ? null : latency.quantile(q));
    const first = known.spans[0]?.startMs;
    const { startMs, ...total } = sum;
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

const windowCounts = [
  'samples',
  'offloaded',
  'degraded',
  'refused',
  'failed',
  'offloadBytes',
  'audited',
  'auditsAgreed',
] as const;
const counts = [...windowCounts, 'refusedByWorker'] as const;

const startOf = (atMs: number, lengthMs: number) => Math.floor(atMs / lengthMs) * lengthMs;

/** Reports come nearly in order, so that it is the last span or a new one after it. */
function spanAt(spans: Span[], startMs: number): Span {
  let at = spans.length;
  while (at > 0 && (spans[at - 1] as Span).startMs > startMs) at--;
  const before = spans[at - 1];
  if (before?.startMs === startMs) return before;
  const span = emptySpan(startMs);
  spans.splice(at, 0, span);
  return span;
}

function emptySpan(startMs: number): Span {
  return {
    startMs,
    samples: 0,
    exits: [],
    offloaded: 0,
    degraded: 0,
    refusedByWorker: 0,
    refused: 0,
    failed: 0,
    offloadBytes: 0,
    audited: 0,
    auditsAgreed: 0,
  };
}
