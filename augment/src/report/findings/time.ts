import { percent } from '../format.js';
import type { Check } from './finding.js';

/** Of the saving that MACs promise, at least this much should show in time. */
const wantedRealised = 0.85;
/** A promised saving below this is too small to divide by. */
const smallestPromise = 0.02;

/** Whether measured CPU time falls as the MACs do. */
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
        title: `With batches of ${batchSize}, CPU time saves ${percent(saved)} where MACs promise ${percent(promised)}.`,
        evidence: [
          ['of the promised saving', percent(saved / promised, 0)],
          [
            `slowest for its MACs: stage ${slowest.stage}`,
            `${percent(slowest.time)} of the time, ${percent(slowest.macs)} of the MACs`,
          ],
        ],
        advice: [
          'Operators on large, thin activations take more time than their MACs say: place the first exit deeper, or choose places by time.',
          ...(batchSize === 1
            ? ['Compare with larger batches: what every run costs by itself weighs less there.']
            : []),
        ],
      },
    ];
  });
