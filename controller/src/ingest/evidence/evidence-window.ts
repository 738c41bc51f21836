import { EvidenceCounts, type EvidenceCountsOptions } from '@offramp/contracts';
import { sumCounts } from '../../decide/drift/confidence-drift.js';
import type { DeviceAnswers } from '../../decide/model/evidence.js';
import type { ReportedEvidence } from '../checked-report.js';
import type { CountedEvidence } from './window-evidence.js';

export interface EvidenceWindowOptions extends Omit<EvidenceCountsOptions, 'maxRecords'> {
  /** Length of a span, which is counted and dropped as a whole. */
  spanMs: number;
  /** Number of spans that are kept, including the current one. */
  spans: number;
  /** Maximum number of pairs of bundle and policy in one span; the most recent ones are kept. */
  maxPolicies: number;
  /** Limit for audit records of one policy and span, in bytes. */
  maxRecordBytes: number;
}

interface Entry {
  bundleDigest: string;
  policyVersion: number;
  counts: EvidenceCounts;
}

interface Span {
  /** When its first report was stored. */
  sinceMs: number;
  /** By bundle and policy, the most recent last. */
  entries: Map<string, Entry>;
}

/**
 * The evidence of a recent time window. Only the reports' times in NATS decide which reports are in it, so every reader of
 * the stream gets the same result at any time.
 */
export class EvidenceWindow {
  /** By the number of the span since 1970. */
  private readonly spans = new Map<number, Span>();

  constructor(private readonly options: EvidenceWindowOptions) {}

  /** @param storedAtMs when the NATS server stored the report, since 1970 */
  add(bundleDigest: string, evidence: readonly ReportedEvidence[], storedAtMs: number): void {
    const { spans, spanMs, maxPolicies } = this.options;
    const number = Math.floor(storedAtMs / spanMs);
    for (const old of this.spans.keys()) if (old <= number - spans) this.spans.delete(old);
    const span = this.spans.get(number) ?? { sinceMs: storedAtMs, entries: new Map<string, Entry>() };
    this.spans.set(number, span);
    span.sinceMs = Math.min(span.sinceMs, storedAtMs);
    const { entries } = span;
    for (const { policyVersion, counts } of evidence) {
      const { branches } = counts;
      const key = `${bundleDigest} ${policyVersion} ${branches}`;
      const entry = entries.get(key) ?? {
        ...{ bundleDigest, policyVersion },
        counts: new EvidenceCounts(branches, this.countsOptions(branches)),
      };
      entries.delete(key);
      entries.set(key, entry);
      entry.counts.merge(counts);
      const [oldest] = entries.keys();
      if (entries.size > maxPolicies && oldest !== undefined) entries.delete(oldest);
    }
  }

  /** @param nowMs since 1970, by the NATS server's clock */
  counts(nowMs: number): CountedEvidence {
    const { spans, spanMs } = this.options;
    const first = Math.floor(nowMs / spanMs) - spans + 1;
    const numbers = [...this.spans.keys()].filter((number) => number >= first).sort((a, b) => a - b);
    const merged = new Map<string, Entry>();
    for (const number of numbers) {
      for (const [key, { counts, ...rest }] of this.spans.get(number)?.entries ?? []) {
        const { branches } = counts;
        const sum = merged.get(key)?.counts ?? new EvidenceCounts(branches, this.countsOptions(branches));
        sum.merge(counts);
        merged.delete(key);
        merged.set(key, { ...rest, counts: sum });
      }
    }
    const sinceMs = Math.min(nowMs, ...numbers.map((number) => this.spans.get(number)?.sinceMs ?? nowMs));
    return {
      bundles: bundlesOf([...merged.values()].reverse()),
      windowMs: nowMs - sinceMs,
    };
  }

  /** Samples by the first branch's confidence. */
  firstConfidences(bundleDigest: string, nowMs: number): number[] {
    return sumCounts(
      this.entriesOf(bundleDigest, nowMs)
        .filter(({ counts }) => counts.branches > 0)
        .map(({ counts }) => counts.firstConfidences()),
    );
  }

  /** Unordered; a policy may occur more than once. */
  answers(bundleDigest: string, nowMs: number): DeviceAnswers[] {
    return this.entriesOf(bundleDigest, nowMs).map(({ policyVersion, counts }) => {
      const { samples, degraded, late } = counts;
      return { policyVersion, samples, degraded, late: late ?? [] };
    });
  }

  private entriesOf(bundleDigest: string, nowMs: number): Entry[] {
    const first = Math.floor(nowMs / this.options.spanMs) - this.options.spans + 1;
    return [...this.spans]
      .filter(([number]) => number >= first)
      .flatMap(([, span]) => [...span.entries.values()])
      .filter((entry) => entry.bundleDigest === bundleDigest);
  }

  private countsOptions(branches: number): EvidenceCountsOptions {
    const { maxRecordBytes, latencies = true } = this.options;
    return { maxRecords: Math.max(1, Math.floor(maxRecordBytes / (branches + 1))), latencies };
  }
}

function bundlesOf(newestFirst: readonly Entry[]): CountedEvidence['bundles'] {
  const bundles = new Map<string, CountedEvidence['bundles'][number]>();
  for (const { bundleDigest, policyVersion, counts } of newestFirst) {
    const { branches } = counts;
    const key = `${bundleDigest} ${branches}`;
    const bundle = bundles.get(key) ?? { bundleDigest, branches, policies: [] };
    bundle.policies.push({ policyVersion, counts });
    bundles.set(key, bundle);
  }
  for (const { policies } of bundles.values()) policies.sort((a, b) => a.policyVersion - b.policyVersion);
  return [...bundles.values()];
}
