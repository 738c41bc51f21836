import { canaryPlace } from '@offramp/contracts';
import { latencyTargetOf } from '../model/goals.js';
import type { GroupInputs } from '../model/group-inputs.js';
import type { GroupState } from '../model/group-state.js';
import { type Side, sideOf } from './canary.js';

/** Recent answers, under earlier policies, of the devices that will try a policy. */
export function answersBefore(
  { outliers, known, goals }: GroupState,
  inputs: GroupInputs,
  version: number,
  below: number,
): Side {
  const excepted = new Set(outliers.map(({ device }) => device));
  const names = inputs.devices
    .map(({ device }) => device)
    .filter((name) => canaryPlace(inputs.group, version, name) < below && !excepted.has(name));
  const targets = new Map(known.map((policy) => [policy.version, policy.latencyTargetMs]));
  return sideOf(
    inputs
      .answers(names)
      .filter(({ policyVersion }) => policyVersion !== version)
      .map((of) => ({ ...of, latencyTargetMs: targets.get(of.policyVersion) ?? null })),
    latencyTargetOf(goals),
  );
}
