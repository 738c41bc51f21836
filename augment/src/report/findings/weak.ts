import { percent, points, threshold } from '../format.js';
import type { Check } from './finding.js';

/** Alone, a branch this much below the next exit … */
const largestGap = 0.15;
/** … of whose samples fewer than this leave, is too weak where it stands. */
const smallestLeaving = 0.15;
/** Of all samples; below it the branch says nothing about itself. */
const fewestReached = 0.01;

/** Branches that are much worse than the next exit and let hardly anybody leave. */
export const checkWeak: Check = ({ exits }) =>
  exits.flatMap((report, i) => {
    const next = exits[i + 1]?.alone.agreement ?? 1;
    const gap = next - report.alone.agreement;
    const leaving = report.left / report.reached;
    if (report.reached < fewestReached || gap < largestGap || leaving >= smallestLeaving) return [];
    return [
      {
        kind: 'weak',
        grade: 'hint',
        exit: report.exit,
        title: `The branch of exit ${report.exit} is too weak: alone it agrees ${points(gap, 0)} less than the next exit, and only ${percent(leaving)} of those who reach it leave.`,
        evidence: [
          ['agreement alone', `${percent(report.alone.agreement)}; next exit ${percent(next)}`],
          ['leave', `${percent(report.left)} of all at threshold ${threshold(report.threshold)}`],
          ['body', report.body],
          ['branch, once', `${percent(report.branchCost / report.reached, 3)} of the backbone's MACs`],
        ],
        advice: [
          'Give it a stronger body: the branch costs little beside its segment.',
          'Move it deeper, towards the next exit.',
          "Train for longer, or with the backbone's full output as the target (distillation).",
        ],
      },
    ];
  });
