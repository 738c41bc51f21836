import { EvidenceCounts } from '@offramp/shared';
import type { ReportedEvidence } from '../register/report.js';
import type { CountedEvidence } from './window-evidence.js';

/** What came after a place in the telemetry stream. */
export interface NewEvidence extends Omit<CountedEvidence, 'windowMs'> {
  /** The place in the stream that it reaches to: where to go on the next time. */
  upTo: number;
}

/** The evidence of neighbouring reports of a group. */
interface Chunk {
  /** Their first and last numbers in the stream. */
  first: number;
  last: number;
  parts: { bundleDigest: string; policyVersion: number; counts: EvidenceCounts }[];
}

const maxRecords = 4_096;

/**
 * A group's evidence in the order of the stream, for who takes every report into account once. Whoever goes on from a
 * number that was written down, be it another controller after a restart, gets what came after it, neither
 * more nor, as long as there is room for all, less.
 */
export class EvidenceJournal {
  private chunks: Chunk[] = [];
  private last = 0;

  /** @param maxChunks beyond that, neighbours are joined; 2 or more */
  add(
    sequence: number,
    bundleDigest: string,
    evidence: readonly ReportedEvidence[],
    maxChunks: number,
  ): void {
    this.last = Math.max(this.last, sequence);
    this.chunks.push({
      first: sequence,
      last: sequence,
      parts: evidence.map((part) => ({ bundleDigest, ...part })),
    });
    while (this.chunks.length > maxChunks) this.halve();
  }

  /**
   * The evidence of reports after this one. Where it lies within reports that have been joined, none of those: nothing
   * counts twice.
   */
  since(sequence: number): NewEvidence {
    const parts = this.chunks.filter(({ first }) => first > sequence).flatMap((chunk) => chunk.parts);
    const bundles = new Map<string, NewEvidence['bundles'][number]>();
    for (const { bundleDigest, policyVersion, counts } of join(parts).reverse()) {
      const { branches } = counts;
      const key = `${bundleDigest} ${branches}`;
      const bundle = bundles.get(key) ?? { bundleDigest, branches, policies: [] };
      bundle.policies.push({ policyVersion, counts });
      bundles.set(key, bundle);
    }
    for (const { policies } of bundles.values()) policies.sort((a, b) => a.policyVersion - b.policyVersion);
    return { bundles: [...bundles.values()], upTo: Math.max(this.last, sequence) };
  }

  /** Nobody will ask for what came up to this number any more. */
  forget(upTo: number): void {
    this.chunks = this.chunks.filter(({ last }) => last > upTo);
  }

  private halve(): void {
    const halved: Chunk[] = [];
    for (let i = 0; i < this.chunks.length; i += 2) {
      const [a, b] = this.chunks.slice(i, i + 2) as [Chunk, Chunk | undefined];
      halved.push(b ? { first: a.first, last: b.last, parts: join([...a.parts, ...b.parts]) } : a);
    }
    this.chunks = halved;
  }
}

/** One part for each bundle and policy, those that came last at the end; what is given stays as it is. */
function join(parts: Chunk['parts']): Chunk['parts'] {
  const joined = new Map<string, Chunk['parts'][number]>();
  for (const { counts, ...part } of parts) {
    const { branches } = counts;
    const key = `${part.bundleDigest} ${part.policyVersion} ${branches}`;
    const sum = joined.get(key)?.counts ?? new EvidenceCounts(branches, { maxRecords });
    sum.merge(counts);
    joined.delete(key);
    joined.set(key, { ...part, counts: sum });
  }
  return [...joined.values()];
}
