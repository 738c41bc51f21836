import { EvidenceCounts } from '@offramp/shared';
import type { ReportedEvidence } from '../register/report.js';

/** What one policy did on a device, or on several. */
export interface EvidencePart {
  /** Empty: several. */
  device: string;
  bundleDigest: string;
  policyVersion: number;
  counts: EvidenceCounts;
}

/** What came after a place in the telemetry stream. */
export interface NewEvidence {
  /** Oldest first. What is in them must be left as it is. */
  parts: EvidencePart[];
  /** The place in the stream that it reaches to: where to go on the next time. */
  upTo: number;
  /** When NATS took in the newest report of these, in milliseconds since 1970; 0: there is none. */
  storedUpToMs: number;
}

/** The evidence of neighbouring reports of a group. */
interface Chunk {
  /** Their first and last numbers in the stream. */
  first: number;
  last: number;
  parts: EvidencePart[];
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
  private storedUpToMs = 0;
  private forgotten = 0;
  private apart: ReadonlySet<string> = new Set();

  /** @param maxChunks beyond that, neighbours are joined; 2 or more */
  add(
    { sequence, storedAtMs }: { sequence: number; storedAtMs: number },
    { device, bundleDigest }: { device: string; bundleDigest: string },
    evidence: readonly ReportedEvidence[],
    maxChunks: number,
  ): void {
    this.last = Math.max(this.last, sequence);
    this.storedUpToMs = Math.max(this.storedUpToMs, storedAtMs);
    if (sequence <= this.forgotten) return;
    const parts = evidence.map((part) => ({ device, bundleDigest, ...part }));
    this.chunks.push({ first: sequence, last: sequence, parts });
    while (this.chunks.length > maxChunks) this.halve();
  }

  /**
   * The evidence of reports after this one. Where it lies within reports that have been joined, none of those: nothing
   * counts twice.
   */
  since(sequence: number): NewEvidence {
    const parts = this.chunks.filter(({ first }) => first > sequence).flatMap((chunk) => chunk.parts);
    return { parts, upTo: Math.max(this.last, sequence), storedUpToMs: this.storedUpToMs };
  }

  /** How many samples {@link since} would tell of. */
  samplesSince(sequence: number): number {
    return this.chunks.reduce(
      (sum, { first, parts }) =>
        first > sequence ? parts.reduce((samples, { counts }) => samples + counts.samples, sum) : sum,
      0,
    );
  }

  /** Nobody will ask for what came up to this number any more. */
  forget(upTo: number): void {
    this.forgotten = Math.max(this.forgotten, upTo);
    this.chunks = this.chunks.filter(({ last }) => last > upTo);
  }

  /** Devices whose evidence is not joined with that of others; all others' may be. */
  keepApart(devices: ReadonlySet<string>): void {
    this.apart = devices;
  }

  private halve(): void {
    const halved: Chunk[] = [];
    for (let i = 0; i < this.chunks.length; i += 2) {
      const [a, b] = this.chunks.slice(i, i + 2) as [Chunk, Chunk | undefined];
      halved.push(b ? { first: a.first, last: b.last, parts: this.join([...a.parts, ...b.parts]) } : a);
    }
    this.chunks = halved;
  }

  /** One part for each bundle, policy and device that is kept apart; what is given stays as it is. */
  private join(parts: readonly EvidencePart[]): EvidencePart[] {
    const joined = new Map<string, EvidencePart>();
    for (const { counts, ...part } of parts) {
      const device = this.apart.has(part.device) ? part.device : '';
      const { branches } = counts;
      const key = `${device} ${part.bundleDigest} ${part.policyVersion} ${branches}`;
      const sum = joined.get(key)?.counts ?? new EvidenceCounts(branches, { maxRecords });
      sum.merge(counts);
      joined.set(key, { ...part, device, counts: sum });
    }
    return [...joined.values()];
  }
}
