import {
  type Bundle,
  type BundleContents,
  type CalibrationTable,
  type CostModel,
  elementsOf,
  exitCosts,
  type LearnedCodecContents,
} from '@offramp/bundle';
import { neverExits } from '@offramp/contracts';
import type { LearnedCandidate } from '../codec/learned-candidates.js';
import { playCascade } from '../report/play-cascade.js';
import { type ChooseCodecsOptions, defaultAllowedLoss } from './choose-codecs.js';
import { type ChosenThresholds, chooseThresholds, type ThresholdGoal } from './choose-thresholds.js';
import { type DecodedTable, decodedTables, type RecordedSamples } from './decoded-table.js';
import { LearnedTrial } from './learned-trial.js';

/** What a codec loses is made good by higher thresholds; the cascade may cost this much more for it. */
const maxCostGrowth = 2;
const bytesPerFloat32 = 4;

/** What a bundle has with a learned codec at its default boundary, or without. */
export interface LearnedChoice {
  /** `null`: none is worth it. */
  learned: LearnedCodecContents | null;
  /** Recorded behind it. */
  table: CalibrationTable;
  chosen: ChosenThresholds;
}

export interface LearnedOptions
  extends Pick<ChooseCodecsOptions, 'allowedLoss' | 'batchSize' | 'progress' | 'signal'> {
  goal: ThresholdGoal;
  /** Whether a learned codec is used whenever the goal is reached: where quantised values take fewer bytes, and at any cost. */
  always: boolean;
}

/**
 * Chooses among learned codecs at the default boundary: the one with which the fewest bytes are sent in all. Behind each, thresholds
 * are chosen again for the bundle's goal, on what arrives, so the promised agreement includes what the codec loses. The
 * certainty is shared among the candidates, because one of them is picked on the same samples.
 * @param contents with the codec of values that is sent otherwise
 * @param samples those that the bundle was calibrated on
 * @throws OfframpError as {@link decodedTables}
 */
export async function chooseLearned(
  bundle: Bundle,
  contents: BundleContents,
  candidates: readonly LearnedCandidate[],
  samples: RecordedSamples,
  options: LearnedOptions,
): Promise<LearnedChoice> {
  const { deviceStages: stage } = contents;
  const shape = contents.stages[stage]?.inputShape ?? [];
  const trials: LearnedTrial[] = [];
  try {
    for (const candidate of candidates) trials.push(await LearnedTrial.open(candidate, stage, shape));
    const [exact, ...tables] = await decodedTables(bundle, stage, [null, ...trials], samples, options);
    const without = judgeExact(contents, exact as DecodedTable, options.goal);
    const goal = { ...options.goal, delta: options.goal.delta / Math.max(1, candidates.length) };
    const judged = tables.map((decoded, i) =>
      judge(contents, candidates[i] as LearnedCandidate, decoded, without, goal),
    );
    const allowed = judged.filter((each) => isAllowed(each, without, options));
    const best = allowed.reduce<Judged | null>(
      (a, b) => (a && a.bytesPerSample <= b.bytesPerSample ? a : b),
      null,
    );
    const pays = best && (options.always || best.bytesPerSample < without.bytesPerSample);
    return pays ? best : { ...without, learned: null };
  } finally {
    for (const trial of trials) await trial.close();
  }
}

interface Judged extends LearnedChoice {
  /** Sent on average, of all samples. */
  bytesPerSample: number;
}

function judgeExact(contents: BundleContents, { table }: DecodedTable, goal: ThresholdGoal): Judged {
  const { deviceStages: stage } = contents;
  const chosen = chooseThresholds(table, exitCosts(withLearned(contents, null)), goal);
  const offloaded = offloadedOf(table, chosen.thresholds, stage).length / table.samples;
  const { codec, activationShape } = contents.stages[stage - 1] ?? {};
  const each = codec?.meanBytes ?? bytesPerFloat32 * elementsOf(activationShape ?? []);
  return { learned: null, table, chosen, bytesPerSample: offloaded * each };
}

function judge(
  contents: BundleContents,
  candidate: LearnedCandidate,
  { table, bytes }: DecodedTable,
  without: Judged,
  goal: ThresholdGoal,
): Judged {
  const costs = exitCosts(withLearned(contents, candidate));
  const chosen = chooseThresholds(table, costs, goal);
  const { thresholds, outcome } = chosen;
  const offloaded = offloadedOf(table, thresholds, contents.deviceStages);
  const sent = offloaded.reduce((sum, index) => sum + (bytes[index] as number), 0);
  const exactly = agreeing(without.table, thresholds);
  const lost = agreeing(table, thresholds).filter((agrees, i) => !agrees && exactly[i]).length;
  return {
    learned: {
      ...candidate,
      meanBytes: Math.round((sent / Math.max(1, offloaded.length)) * 10) / 10,
      agreement: outcome.agreement,
      agreementLost: lost / table.samples,
    },
    table,
    chosen,
    bytesPerSample: sent / table.samples,
  };
}

function isAllowed(
  { chosen }: Judged,
  without: Judged,
  { goal, always, allowedLoss = defaultAllowedLoss }: LearnedOptions,
): boolean {
  const { outcome, thresholds } = chosen;
  // A cost is kept by any codec: only the agreement says what this one does.
  if ('cost' in goal) return outcome.agreement >= without.chosen.outcome.agreement - allowedLoss;
  const isProven = thresholds.some((threshold) => threshold < neverExits);
  return isProven && (always || outcome.cost <= maxCostGrowth * without.chosen.outcome.cost);
}

/** Samples that pass all exits before `stage`. */
function offloadedOf(table: CalibrationTable, thresholds: readonly number[], stage: number): number[] {
  return playCascade(table, thresholds).flatMap((exit, index) => (exit >= stage ? [index] : []));
}

/** Whether the cascade gives each sample the backbone's answer. */
function agreeing(table: CalibrationTable, thresholds: readonly number[]): boolean[] {
  return playCascade(table, thresholds).map(
    (exit, index) => (table.branches[exit]?.agrees ?? table.finalAgrees)?.[index] !== '0',
  );
}

/** What determines costs, with this codec at the default boundary. */
function withLearned(
  { backbone, stages, deviceStages }: BundleContents,
  learned: LearnedCandidate | null,
): CostModel {
  return {
    backbone,
    deviceStages,
    stages: stages.map(({ segmentMacs, branch }, i) => ({
      ...{ segmentMacs, branch },
      ...(learned && i === deviceStages - 1 ? { learned } : {}),
    })),
  };
}
