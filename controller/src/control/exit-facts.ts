import type { ExitFacts, Goal } from '../tuner/goals.js';
import { knowsLateAnswers, type LateAnswers, lateShares } from './late-answers.js';

/** Stages that devices run themselves, by how many of the group's devices, or of their samples, run so many. */
export interface StagesOnDevices {
  stages: number;
  weight: number;
}

export interface ExitFactsInputs {
  /** Per exit, over the whole backbone's cost. */
  costs: readonly number[];
  onDevices: readonly StagesOnDevices[];
  /** Of workers' time, per sample and stage; `null`: not known. */
  stageSeconds: readonly (number | null)[];
  samplesPerSecond: number;
  late: LateAnswers | null;
}

/** What samples cost that leave at each exit, and what of it is not known, in words, as far as goals ask for it. */
export function exitFacts(
  inputs: ExitFactsInputs,
  goals: readonly Goal[],
): { facts: ExitFacts; unknown: string[] } {
  const { costs, onDevices, stageSeconds, late } = inputs;
  const total = onDevices.reduce((sum, { weight }) => sum + weight, 0);
  const mean = (of: (stages: number) => number) =>
    total === 0 ? 0 : onDevices.reduce((sum, { stages, weight }) => sum + weight * of(stages), 0) / total;
  const exits = Array.from(costs.keys());
  const inCloud = exits.map((exit) => mean((stages) => (exit >= stages ? 1 : 0)));
  const cloudSeconds = exits.map((exit) =>
    mean((stages) =>
      stageSeconds.slice(stages, exit + 1).reduce<number>((sum, seconds) => sum + (seconds ?? 0), 0),
    ),
  );
  const asks = (kind: Goal['kind']) => goals.some((goal) => goal.kind === kind);
  const missingSeconds = exits.some((exit) => (inCloud[exit] ?? 0) > 0 && stageSeconds[exit] == null);
  const targets = goals.filter((goal) => goal.kind === 'latency').map(({ targetMs }) => targetMs);
  const unknown = [
    ...(total === 0 ? ['No device is known, so nobody can tell which exits are in the cloud.'] : []),
    ...(asks('cloudSeconds') && missingSeconds
      ? [
          "No worker has reported how long stages take, so workers' time is taken for none where it is not known.",
        ]
      : []),
    ...targets
      .filter((targetMs) => !knowsLateAnswers(late, targetMs))
      .map(
        (targetMs) => `No answers have been counted against ${targetMs} ms yet, so none is taken for late.`,
      ),
  ];
  return {
    facts: {
      ...{ cost: costs, inCloud, cloudSeconds, samplesPerSecond: inputs.samplesPerSecond },
      lateShares: (targetMs) => lateShares(late, targetMs, costs.length),
    },
    unknown,
  };
}
