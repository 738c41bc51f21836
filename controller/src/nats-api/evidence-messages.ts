import { EvidenceCounts, type GetEvidenceResponse, v1 } from '@offramp/contracts';
import {
  type CountedEvidence,
  viewEvidence,
  type WindowEvidence,
} from '../ingest/evidence/window-evidence.js';

/** Maximum number of policies that fit into one reply. */
const maxRecords = 2 ** 20;

/** @param maxBytes of the message; if evidence needs more, the oldest policies are left out */
export function writeEvidence({ bundles, windowMs }: CountedEvidence, maxBytes: number): Uint8Array {
  const encode = (policies: number) =>
    v1.GetEvidenceResponse.encode({
      windowMs: Math.round(windowMs),
      bundles: bundles.map(({ bundleDigest, branches, policies: all }) => ({
        bundleDigest: Buffer.from(bundleDigest, 'hex'),
        branches,
        policies: all.slice(-policies).map(({ policyVersion, counts }) => counts.toMessage(policyVersion)),
      })),
    }).finish();
  let kept = Math.max(1, ...bundles.map(({ policies }) => policies.length));
  let bytes = encode(kept);
  while (bytes.length > maxBytes && kept > 1) bytes = encode(--kept);
  return bytes;
}

/** @throws Error for a message that {@link writeEvidence} did not write */
export function readEvidence({ bundles, windowMs }: GetEvidenceResponse): WindowEvidence {
  return viewEvidence({
    windowMs: windowMs ?? 0,
    bundles: (bundles ?? []).map(({ bundleDigest, branches, policies }) => ({
      bundleDigest: Buffer.from(bundleDigest ?? []).toString('hex'),
      branches: branches ?? 0,
      policies: (policies ?? []).map((message) => ({
        policyVersion: message.policyVersion ?? 0,
        counts: EvidenceCounts.fromMessage(message, branches ?? 0, { maxRecords }),
      })),
    })),
  });
}
