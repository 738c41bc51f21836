import { binStarts, type LatencySketch, type PolicyEvidence } from '@offramp/contracts';
import type { WindowEvidence } from './window-evidence.js';

export interface EvidenceJson {
  windowMs: number;
  /** Lower edge of each bin of confidence. */
  binStarts: number[];
  bundles: { bundleDigest: string; branches: number; policies: PolicyEvidenceJson[] }[];
}

export interface PolicyEvidenceJson extends Omit<PolicyEvidence, 'latency' | 'records'> {
  records: number;
  /** Quantiles are `null` without answers. */
  latency: { samples: number; p50Ms: number | null; p95Ms: number | null; p99Ms: number | null };
}

/** Evidence for people and scripts: quantiles instead of sketches, and the number of records instead of the records. */
export function evidenceToJson({ bundles, windowMs }: WindowEvidence): EvidenceJson {
  return {
    windowMs: Math.round(windowMs),
    binStarts: [...binStarts],
    bundles: bundles.map(({ policies, ...bundle }) => ({ ...bundle, policies: policies.map(policyToJson) })),
  };
}

function policyToJson({ latency, records, ...evidence }: PolicyEvidence): PolicyEvidenceJson {
  return { ...evidence, records: records.length, latency: latencyToJson(latency) };
}

function latencyToJson(latency: LatencySketch): PolicyEvidenceJson['latency'] {
  const at = (q: number) => (latency.count === 0 ? null : Math.round(latency.quantile(q) * 1_000) / 1_000);
  return { samples: latency.count, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}
