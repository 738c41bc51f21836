import { percent, points, threshold } from '../format.js';
import type { Check, Finding } from './finding.js';

/** Less than this gain in agreement over the branch before … */
const smallestGain = 0.01;
/** … for at least this much more cost is a bad place. */
const smallestCost = 0.03;
/** Share of all samples below which an exit is not used. */
const smallestUse = 0.01;

/** Badly placed branches: no better than the one before, or not used. */
export const checkPlacement: Check = ({ exits }) =>
  exits.flatMap((report, i): Finding[] => {
    const { exit, alone, reached, left } = report;
    if (left < smallestUse) {
      const why =
        report.threshold > 1
          ? 'its threshold is above 1'
          : reached < smallestUse
            ? 'few samples reach it'
            : 'few of the samples that reach it are confident enough';
      return [
        {
          kind: 'unused',
          grade: 'hint',
          exit,
          title: `Exit ${exit} is not used: ${percent(left, 2)} exit there; ${why}.`,
          evidence: [
            ['reached by', percent(reached)],
            ['leave', percent(left, 2)],
            ['threshold', threshold(report.threshold)],
            ['agreement alone', percent(alone.agreement)],
          ],
          advice: [
            reached < smallestUse
              ? 'Leave the branch out, or place it before the others.'
              : 'Move the branch deeper or give it a stronger body; or leave it out, so that it costs nothing.',
          ],
        },
      ];
    }
    const before = exits[i - 1];
    if (!before) return [];
    const gain = alone.agreement - before.alone.agreement;
    const cost = report.cost - before.cost;
    if (cost < smallestCost || gain >= smallestGain) return [];
    return [
      {
        kind: 'redundant',
        grade: 'hint',
        exit,
        title: `Exit ${exit} is badly placed: it agrees hardly more than exit ${before.exit} and costs ${points(cost, 1)} more.`,
        evidence: [
          [
            'agreement alone',
            `${percent(alone.agreement)}; exit ${before.exit} ${percent(before.alone.agreement)}`,
          ],
          ['cost', `${percent(report.cost)}; exit ${before.exit} ${percent(before.cost)}`],
          ['leave', percent(left)],
          ['saving, compared with no exit here', percent(report.saving)],
        ],
        advice: ['Move it deeper, or put its computation into a stronger body of a neighbour.'],
      },
    ];
  });
