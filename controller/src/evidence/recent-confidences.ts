import type { ReportedEvidence } from '../register/report.js';

/** What was seen so many samples ago counts for half. */
const halfLifeSamples = 40;

/** How sure the first exit of a device has been of its latest samples, whatever the policy. */
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

  /** One count a bin, of which some are no whole numbers; none of another bundle. */
  of(bundleDigest: string): number[] {
    return bundleDigest === this.bundleDigest ? [...this.counts] : [];
  }
}
