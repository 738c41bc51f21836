import { binStarts, type LatencySketch, type PolicyEvidence } from '@offramp/shared';
import type { WindowEvidence } from './window-evidence.js';

/** Evidence as people and scripts get it: quantiles instead of sketches, and how many records there are instead of each. */
export function evidenceToJson({ bundles, windowMs }: WindowEvidence): object {
  return {
    windowMs: Math.round(windowMs),
    binStarts,
    bundles: bundles.map(({ policies, ...bundle }) => ({ ...bundle, policies: policies.map(policyToJson) })),
  };
}

function policyToJson({ latency, records, ...evidence }: PolicyEvidence): object {
  return { ...evidence, records: records.length, latency: latencyToJson(latency) };
}

function latencyToJson(latency: LatencySketch): object {
  const at = (q: number) => (latency.count === 0 ? null : Math.round(latency.quantile(q) * 1_000) / 1_000);
  return { samples: latency.count, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}
