import { percent } from '../format.js';
import type { Check } from './finding.js';

/** Minimum share of the saving predicted by MACs that time should show. */
const wantedRealised = 0.85;
/** A smaller predicted saving is too small to divide by. */
const smallestPromise = 0.02;

/** Whether measured CPU time falls like the MACs. */
export const checkTime: Check = ({ times, shipped, costs }) =>
  times.flatMap(({ batchSize, costs: timeCosts }, i) => {
    const promised = 1 - shipped.cost;
    const saved = 1 - (shipped.cpuCosts[i] as number);
    if (promised < smallestPromise || saved / promised >= wantedRealised) return [];
    const stageOf = (values: readonly number[], stage: number) =>
      (values[stage] as number) - (values[stage - 1] ?? 0);
    const slowest = costs
      .map((_, stage) => ({ stage, macs: stageOf(costs, stage), time: stageOf(timeCosts, stage) }))
      .reduce((a, b) => (b.time / b.macs > a.time / a.macs ? b : a));
    return [
      {
        kind: 'time',
        grade: 'hint',
        exit: null,
        title: `With batches of ${batchSize}, CPU time saves ${percent(saved)}, but MACs predict ${percent(promised)}.`,
        evidence: [
          ['of the predicted saving', percent(saved / promised, 0)],
          [
            `slowest for its MACs: stage ${slowest.stage}`,
            `${percent(slowest.time)} of the time, ${percent(slowest.macs)} of the MACs`,
          ],
        ],
        advice: [
          'Operators on large activations with few channels take more time than their MACs predict: place the first exit deeper, or choose places by time.',
          ...(batchSize === 1
            ? ['Compare with larger batches, where the fixed cost of a run matters less.']
            : []),
        ],
      },
    ];
  });
