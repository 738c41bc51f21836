import { EvidenceCounts } from '@offramp/contracts';
import type { EvidencePart, NewEvidence } from '../../decide/model/evidence.js';
import type { ReportedEvidence } from '../checked-report.js';

/** The evidence of neighbouring reports of a group. */
interface Chunk {
  /** Their first and last numbers in the stream. */
  first: number;
  last: number;
  parts: EvidencePart[];
}

const maxRecords = 4_096;

/**
 * A group's evidence in the order of the stream, for a reader that counts every report once. A reader that continues from
 * a stored number, even after a restart, gets exactly the later evidence, as long as the journal has room for it.
 */
export class EvidenceJournal {
  private chunks: Chunk[] = [];
  private last = 0;
  private storedUpToMs = 0;
  private forgotten = 0;
  private separate: ReadonlySet<string> = new Set();

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
   * The evidence of reports after this one. If it is within a joined chunk, the whole chunk is left out, so that nothing
   * counts twice.
   */
  since(sequence: number): NewEvidence {
    const parts = this.chunks.filter(({ first }) => first > sequence).flatMap((chunk) => chunk.parts);
    return { parts, upTo: Math.max(this.last, sequence), storedUpToMs: this.storedUpToMs };
  }

  /** Number of samples in {@link since}. */
  samplesSince(sequence: number): number {
    return this.chunks.reduce(
      (sum, { first, parts }) =>
        first > sequence ? parts.reduce((samples, { counts }) => samples + counts.samples, sum) : sum,
      0,
    );
  }

  /** Drops evidence up to this number, which is no longer needed. */
  forget(upTo: number): void {
    this.forgotten = Math.max(this.forgotten, upTo);
    this.chunks = this.chunks.filter(({ last }) => last > upTo);
  }

  /** Devices whose evidence is not joined with that of other devices. */
  keepSeparate(devices: ReadonlySet<string>): void {
    this.separate = devices;
  }

  private halve(): void {
    const halved: Chunk[] = [];
    for (let i = 0; i < this.chunks.length; i += 2) {
      const [a, b] = this.chunks.slice(i, i + 2) as [Chunk, Chunk | undefined];
      halved.push(b ? { first: a.first, last: b.last, parts: this.join([...a.parts, ...b.parts]) } : a);
    }
    this.chunks = halved;
  }

  /** One part for each bundle, policy and separate device. Does not change its input. */
  private join(parts: readonly EvidencePart[]): EvidencePart[] {
    const joined = new Map<string, EvidencePart>();
    for (const { counts, ...part } of parts) {
      const device = this.separate.has(part.device) ? part.device : '';
      const { branches } = counts;
      const key = `${device} ${part.bundleDigest} ${part.policyVersion} ${branches}`;
      const sum = joined.get(key)?.counts ?? new EvidenceCounts(branches, { maxRecords });
      sum.merge(counts);
      joined.set(key, { ...part, device, counts: sum });
    }
    return [...joined.values()];
  }
}
