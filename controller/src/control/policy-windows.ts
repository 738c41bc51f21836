import { EvidenceCounts } from '@offramp/shared';
import type { EvidencePart } from '../evidence/evidence-journal.js';
import type { CanaryWindow } from './canary.js';
import type { KnownPolicy } from './group-state.js';

/** What one policy did in a window, with what it said. */
export interface PolicyWindow extends CanaryWindow {
  policyVersion: number;
}

export interface JudgedBundle {
  /** In hexadecimal. */
  digest: string;
  /** Its own thresholds, which devices follow without a policy; one per branch. */
  thresholds: readonly number[];
}

const maxRecords = 4_096;

/**
 * Evidence under the thresholds that it came about under: of a group, or of one device that has had thresholds of its own.
 * @param device empty: of the group
 * @returns one window a policy; what is of another bundle or of policies that nobody knows any more is left out
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

/** Samples of a bundle under policies that nobody knows any more: they judge nothing. */
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
