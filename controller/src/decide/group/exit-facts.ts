import type { ExitFacts, Goal } from '../model/goals.js';
import type { GroupInputs, TunableBundle } from '../model/group-inputs.js';
import { type GroupState, samplesPerSecond } from '../model/group-state.js';
import type { LateAnswers } from '../model/late-answers.js';
import { knowsLateAnswers, lateShares } from './late-answers.js';

/** A number of stages that devices run themselves, weighted by devices or their samples. */
export interface StagesOnDevices {
  stages: number;
  weight: number;
}

export interface ExitFactsInputs {
  /** Per exit, over the whole backbone's cost. */
  costs: readonly number[];
  onDevices: readonly StagesOnDevices[];
  /** Workers' time per sample and stage; `null`: not known. */
  stageSeconds: readonly (number | null)[];
  samplesPerSecond: number;
  late: LateAnswers | null;
}

/** {@link exitFacts} of a group's devices and workers. */
export function findExitFacts(
  state: GroupState,
  { devices, stageSeconds }: Pick<GroupInputs, 'devices' | 'stageSeconds'>,
  { digest, costs }: TunableBundle,
): { facts: ExitFacts; unknown: string[] } {
  const onDevices = devices
    .filter(({ bundleDigest }) => bundleDigest === digest)
    .map(({ deviceStages, samples }) => ({ stages: deviceStages, weight: samples + 1 }));
  return exitFacts(
    { costs, onDevices, stageSeconds, late: state.late, samplesPerSecond: samplesPerSecond(state) },
    state.goals,
  );
}

/** Costs of samples by exit, and the missing information that goals need, in sentences. */
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
    ...(total === 0 ? ['No device is known, so it is not known which exits are in the cloud.'] : []),
    ...(asks('cloudSeconds') && missingSeconds
      ? ['No worker has reported how long some stages take, so their time counts as zero.']
      : []),
    ...targets
      .filter((targetMs) => !knowsLateAnswers(late, targetMs))
      .map((targetMs) => `No answers have been counted against ${targetMs} ms yet, so none counts as late.`),
  ];
  return {
    facts: {
      ...{ cost: costs, inCloud, cloudSeconds, samplesPerSecond: inputs.samplesPerSecond },
      lateShares: (targetMs) => lateShares(late, targetMs, costs.length),
    },
    unknown,
  };
}
