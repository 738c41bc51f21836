import type { GroupStatus } from '../decide/model/fleet-control.js';
import type { Goal } from '../decide/model/goals.js';

/** Metrics of the control of a group. */
export interface GroupMetrics {
  group: string;
  /** Predicted agreement, its lower bound, and the goal, each in [0, 1]; `null` if unknown or not set. */
  agreement: number | null;
  agreementBound: number | null;
  agreementGoal: number | null;
  /** Share of the group's devices, in [0, 1]; `null` without a canary. */
  canaryShare: number | null;
  /** Devices with their own thresholds. */
  exceptions: number;
  unmetGoals: number;
}

/** The metrics' view of the control of a fleet. */
export interface ControlMetrics {
  /** Whether this instance sets policies. */
  leads(): boolean;
  groups(): Iterable<GroupMetrics>;
}

/** @param goals of the group */
export function groupMetrics(
  {
    group,
    decision,
    canary,
    exceptions,
  }: Pick<GroupStatus, 'group' | 'decision' | 'exceptions'> & { canary: { share: number } | null },
  goals: readonly Goal[],
): GroupMetrics {
  const floor = goals.find((goal) => goal.kind === 'agreement');
  return {
    group,
    agreement: decision?.facts.agreement ?? null,
    agreementBound: decision?.facts.agreementBound ?? null,
    agreementGoal: floor?.floor ?? null,
    canaryShare: canary?.share ?? null,
    exceptions: exceptions.length,
    unmetGoals: decision?.unmet.length ?? 0,
  };
}
