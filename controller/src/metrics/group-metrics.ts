import type { GroupStatus } from '../control/fleet-control.js';
import type { Goal } from '../tuner/goals.js';

/** What metrics say of the control of a group. */
export interface GroupMetrics {
  group: string;
  /** What is foretold, its lower bound, and what is wanted, each in [0, 1]; `null`: nothing is known, or wanted. */
  agreement: number | null;
  agreementBound: number | null;
  agreementGoal: number | null;
  /** Of the group's devices, in [0, 1]; `null` without a canary. */
  canaryShare: number | null;
  /** Devices with thresholds of their own. */
  exceptions: number;
  unmetGoals: number;
}

/** What the control of a fleet tells metrics. */
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
