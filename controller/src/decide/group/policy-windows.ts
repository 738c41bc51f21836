import { EvidenceCounts } from '@offramp/contracts';
import type { EvidencePart } from '../model/evidence.js';
import type { KnownPolicy } from '../model/group-state.js';
import type { JudgedBundle } from '../model/judged-bundle.js';
import type { CanaryWindow } from '../rollout/canary.js';

/** The evidence under one policy in a window, with the policy's content. */
export interface PolicyWindow extends CanaryWindow {
  policyVersion: number;
}

const maxRecords = 4_096;

/**
 * Evidence by policy, of a group or of one device with its own thresholds.
 * @param device empty: the group
 * @returns one window per policy, without evidence of other bundles or of unknown policies
 */
export function policyWindows(
  parts: readonly EvidencePart[],
  bundle: JudgedBundle,
  known: readonly KnownPolicy[],
  device = '',
): PolicyWindow[] {
  const joined = new Map<number, EvidenceCounts>();
  for (const { bundleDigest, policyVersion, counts } of parts) {
    if (bundleDigest !== bundle.digest || counts.branches !== bundle.thresholds.length) continue;
    const sum = joined.get(policyVersion) ?? new EvidenceCounts(counts.branches, { maxRecords });
    sum.merge(counts);
    joined.set(policyVersion, sum);
  }
  const windows: PolicyWindow[] = [];
  for (const [policyVersion, counts] of joined) {
    const said = policySaid(policyVersion, bundle, known, device);
    const view = counts.view(policyVersion);
    if (said) windows.push({ ...view, ...said, late: view.late ?? [] });
  }
  return windows;
}

function policySaid(
  version: number,
  bundle: JudgedBundle,
  known: readonly KnownPolicy[],
  device: string,
): Pick<PolicyWindow, 'thresholds' | 'auditRate' | 'latencyTargetMs'> | null {
  if (version === 0) return { thresholds: bundle.thresholds, auditRate: 0, latencyTargetMs: null };
  const policy = known.find((other) => other.version === version);
  if (!policy || (policy.bundleDigest ?? bundle.digest) !== bundle.digest) return null;
  const said = policy.exceptions.find((exception) => exception.device === device) ?? policy;
  if (said.thresholds.length !== bundle.thresholds.length) return null;
  const { thresholds, auditRate } = said;
  return { thresholds, auditRate, latencyTargetMs: policy.latencyTargetMs };
}

/** Samples of a bundle under unknown policies, which cannot be judged. */
export function samplesUnknown(
  parts: readonly EvidencePart[],
  bundle: JudgedBundle,
  known: readonly KnownPolicy[],
): number {
  const unknown = parts.filter(
    ({ bundleDigest, policyVersion }) =>
      bundleDigest === bundle.digest && policySaid(policyVersion, bundle, known, '') === null,
  );
  return answeredIn(unknown);
}

export function answeredIn(parts: readonly EvidencePart[]): number {
  return parts.reduce((sum, { counts }) => sum + counts.samples, 0);
}
