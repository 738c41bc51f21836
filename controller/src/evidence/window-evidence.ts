import type { EvidenceCounts, PolicyEvidence } from '@offramp/shared';

interface Windowed<Policy> {
  /** One entry a bundle; the one that was reported last comes first. */
  bundles: {
    /** SHA-256 of the bundle's manifest, in hexadecimal. */
    bundleDigest: string;
    branches: number;
    /** In the order of their versions. */
    policies: Policy[];
  }[];
  /** From the oldest report that is in it to the newest of all, in milliseconds by the NATS server's clock. */
  windowMs: number;
}

/** What policies did in a stretch of time. */
export type WindowEvidence = Windowed<PolicyEvidence>;

/** The same in counts that can be added to others. */
export type CountedEvidence = Windowed<{ policyVersion: number; counts: EvidenceCounts }>;

export function viewEvidence({ bundles, windowMs }: CountedEvidence): WindowEvidence {
  return {
    windowMs,
    bundles: bundles.map(({ policies, ...bundle }) => ({
      ...bundle,
      policies: policies.map(({ policyVersion, counts }) => counts.view(policyVersion)),
    })),
  };
}
