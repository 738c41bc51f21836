import type { ReportedEvidence } from '../checked-report.js';

/** Half-life of counts, in samples. */
const halfLifeSamples = 40;

/** Confidences of a device's first exit over its latest samples, under any policy. */
export class RecentConfidences {
  private bundleDigest = '';
  private counts = new Float32Array(0);

  add(bundleDigest: string, evidence: readonly ReportedEvidence[]): void {
    if (bundleDigest !== this.bundleDigest) this.counts = new Float32Array(0);
    this.bundleDigest = bundleDigest;
    for (const { counts } of evidence) {
      const added = counts.firstConfidences();
      const fade = 0.5 ** (added.reduce((sum, count) => sum + count, 0) / halfLifeSamples);
      if (this.counts.length === 0) this.counts = new Float32Array(added.length);
      added.forEach((count, bin) => {
        this.counts[bin] = (this.counts[bin] as number) * fade + count;
      });
    }
  }

  /** One count per bin, not always an integer; empty for another bundle. */
  of(bundleDigest: string): number[] {
    return bundleDigest === this.bundleDigest ? [...this.counts] : [];
  }
}
