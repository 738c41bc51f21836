import type { CalibrationTable } from '@offramp/bundle';
import { binOf, binStarts, leaves } from '@offramp/contracts';
import { type BinnedTable, binTable } from '../candidates/binned-table.js';
import { ThresholdPath } from '../candidates/threshold-path.js';
import type { ExitFacts, Goal } from '../model/goals.js';
import type { WindowEvidence } from '../tuner/evidence.js';
import { tune } from '../tuner/tune.js';
import { newTunerState, type TunerState } from '../tuner/tuner-state.js';
import type { TuningDecision } from '../tuner/tuning-decision.js';
import { seededRandom } from './seeded-random.js';

export const path = new ThresholdPath(2, binStarts.slice(1));

/** An input distribution: how a sample's difficulty, in [0, 1), affects confidences, and how reliable these are. */
export interface Traffic {
  /** Above 1: easier samples; below: harder. */
  ease: number;
  /** Above 1: exits are wrong more often than their confidence says, in odds. */
  overconfidence: number;
}

export const calm: Traffic = { ease: 1, overconfidence: 1 };

interface SampleRow {
  confidence: number;
  bin: number;
  agreed: boolean;
}

/** Two branches, the second one more confident. They agree as often as they are confident. */
export function drawSample(random: () => number, { ease, overconfidence }: Traffic): SampleRow[] {
  const difficulty = random() ** ease;
  return [7, 9].map((certainty) => {
    const logOdds = certainty - 9 * difficulty + random() - 0.5;
    const confidence = 1 / (1 + Math.exp(-logOdds));
    const agrees = 1 / (1 + overconfidence * Math.exp(-logOdds));
    return { confidence, bin: binOf(confidence), agreed: random() < agrees };
  });
}

export function drawTable(seed: number, samples: number, traffic: Traffic): CalibrationTable {
  const random = seededRandom(seed);
  const rows = Array.from({ length: samples }, () => drawSample(random, traffic));
  return {
    samples,
    correct: null,
    branches: [0, 1].map((branch) => ({
      confidence: rows.map((row) => row[branch]?.confidence as number),
      agrees: rows.map((row) => Number(row[branch]?.agreed)).join(''),
    })),
  };
}

export function drawBinnedTable(seed: number, samples: number, traffic: Traffic = calm): BinnedTable {
  return binTable(drawTable(seed, samples, traffic), path, binOf);
}

export const facts: ExitFacts = {
  cost: [0.3, 0.6, 1],
  inCloud: [0, 1, 1],
  cloudSeconds: [0, 0.01, 0.02],
  samplesPerSecond: 100,
  lateShares: () => [0, 0.05, 0.5],
};

/** A group that follows its tuner's decisions from window to window. */
export class SimulatedGroup {
  state: TunerState = newTunerState(true);
  decision: TuningDecision | null = null;
  workerUtilisation: number | null = null;
  /** Changes the evidence of a window before the tuner gets it. */
  alter: (evidence: WindowEvidence) => WindowEvidence = (evidence) => evidence;
  private readonly random: () => number;

  constructor(
    private readonly table: BinnedTable,
    readonly goals: readonly Goal[],
    public policy: { thresholds: readonly number[]; auditRate: number },
    seed = 1,
  ) {
    this.random = seededRandom(seed);
  }

  /** @returns the window's evidence, and the tuner's decision */
  play(traffic: Traffic = calm, samples = 250): { evidence: WindowEvidence; decision: TuningDecision } {
    const evidence = this.alter(this.observe(traffic, samples));
    const { state, decision } = tune(
      {
        path,
        table: this.table,
        goals: this.goals,
        facts,
        workerUtilisation: this.workerUtilisation,
        policy: this.policy,
      },
      this.state,
      [evidence],
    );
    this.state = state;
    this.decision = decision;
    this.policy = { thresholds: decision.thresholds, auditRate: decision.auditRate };
    return { evidence, decision };
  }

  private observe(traffic: Traffic, samples: number): WindowEvidence {
    const { thresholds, auditRate } = this.policy;
    const left = [0, 0, 0];
    const exits = [0, 1].map(() => ({ histogram: new Array<number>(binStarts.length).fill(0) }));
    const records: { exits: SampleRow[]; leftAt: number }[] = [];
    for (let i = 0; i < samples; i++) {
      const row = drawSample(this.random, traffic);
      const leftAt = row.findIndex(({ confidence }, branch) =>
        leaves(confidence, thresholds[branch] as number),
      );
      const exit = leftAt < 0 ? 2 : leftAt;
      left[exit] = (left[exit] as number) + 1;
      row.slice(0, exit + 1).forEach(({ bin }, branch) => {
        const histogram = exits[branch]?.histogram as number[];
        histogram[bin] = (histogram[bin] as number) + 1;
      });
      if (this.random() < auditRate) records.push({ exits: row, leftAt: exit });
    }
    return {
      thresholds,
      auditRate,
      left,
      exits,
      degraded: 0,
      offloaded: samples - (left[0] as number),
      audited: records.filter(({ leftAt }) => leftAt < 2).length,
      auditedFinal: records.filter(({ leftAt }) => leftAt === 2).length,
      auditsDropped: { busy: 0, budget: 0, failed: 0 },
      records,
      recordsDropped: 0,
    };
  }
}

/** Share of answers that agree, of many samples. */
export function trueAgreement(thresholds: readonly number[], traffic: Traffic): number {
  const random = seededRandom(99);
  const samples = 50_000;
  let agreed = 0;
  for (let i = 0; i < samples; i++) {
    const row = drawSample(random, traffic);
    const exit = row.find(({ confidence }, branch) => leaves(confidence, thresholds[branch] as number));
    if (!exit || exit.agreed) agreed++;
  }
  return agreed / samples;
}
