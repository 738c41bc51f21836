import { percent, points, threshold } from '../format.js';
import type { Check } from './finding.js';

/** A branch that alone agrees this much less than the next exit … */
const largestGap = 0.15;
/** … and at which fewer of its samples than this exit is too weak for its place. */
const smallestLeaving = 0.15;
/** Share of all samples below which a branch is not judged. */
const fewestReached = 0.01;

/** Branches that are much worse than the next exit and have few exits. */
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
        title: `The branch of exit ${report.exit} is too weak: alone it agrees ${points(gap, 0)} less than the next exit, and only ${percent(leaving)} of the samples that reach it exit there.`,
        evidence: [
          ['agreement alone', `${percent(report.alone.agreement)}; next exit ${percent(next)}`],
          ['exit here', `${percent(report.left)} of all at threshold ${threshold(report.threshold)}`],
          ['body', report.body],
          ['branch, once', `${percent(report.branchCost / report.reached, 3)} of the backbone's MACs`],
        ],
        advice: [
          'Give it a stronger body: the branch costs little compared with its segment.',
          'Move it deeper, towards the next exit.',
          "Train for longer, or with the backbone's full output as the target (distillation).",
        ],
      },
    ];
  });
