import { defaultMaxAuditBytesPerHour } from '@offramp/contracts';
import type { TunableBundle } from '../model/group-inputs.js';
import type { GroupState } from '../model/group-state.js';
import type { PlainPolicy, PolicyContent } from '../model/policy-view.js';

export interface ThresholdsInForce {
  thresholds: readonly number[];
  auditRate: number;
}

type Policies = Pick<GroupState, 'policy' | 'canary'>;

/** Thresholds of devices outside a canary: the policy's, or their bundle's own. */
export function stableThresholds({ policy }: Policies, bundle: TunableBundle): ThresholdsInForce {
  const followed = policy?.canary?.stable ?? policy;
  const own = { thresholds: bundle.thresholds, auditRate: 0 };
  if (!followed || followed.version === 0) return own;
  if ((followed.bundleDigest ?? bundle.digest) !== bundle.digest) return own;
  return followed.thresholds.length === bundle.thresholds.length ? followed : own;
}

/** Thresholds of the canary if there is one, else of all devices. */
export function currentThresholds(state: Policies, bundle: TunableBundle): ThresholdsInForce {
  return state.canary && state.policy ? state.policy : stableThresholds(state, bundle);
}

/** The policy of devices outside a canary; version 0: they follow their bundles. */
export function stablePolicy({ policy }: Policies, group: string): PlainPolicy {
  const { canary, exceptions, ...plain } = policy?.canary
    ? { ...policy.canary.stable, canary: null, exceptions: [] }
    : (policy ?? noPolicy(group));
  return plain;
}

function noPolicy(group: string): PolicyContent {
  return {
    ...{ group, version: 0, thresholds: [], bundleDigest: null, author: '', reason: '', auditRate: 0 },
    ...{ maxAuditBytesPerHour: defaultMaxAuditBytesPerHour, latencyTargetMs: null },
    ...{ canary: null, exceptions: [] },
  };
}
