import type { EvidenceCounts, PolicyEvidence } from '@offramp/contracts';

interface Windowed<Policy> {
  /** One entry per bundle, the last reported one first. */
  bundles: {
    /** SHA-256 of the bundle's manifest, in hexadecimal. */
    bundleDigest: string;
    branches: number;
    /** In the order of their versions. */
    policies: Policy[];
  }[];
  /** From its oldest report to the newest report of all, in milliseconds by the NATS server's clock. */
  windowMs: number;
}

/** Evidence by policy in a time window. */
export type WindowEvidence = Windowed<PolicyEvidence>;

/** The same in counts that can be summed. */
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
