import { percent, points, threshold } from '../format.js';
import type { Check } from './finding.js';

/** Exits that cost more than they save. */
export const checkNetNegativeExit: Check = ({ exits }) =>
  exits.flatMap((report) => {
    if (report.saving >= 0) return [];
    return [
      {
        kind: 'net-negative-exit',
        grade: 'problem',
        exit: report.exit,
        title: `Exit ${report.exit} costs more than it saves: without it the cascade would cost ${points(-report.saving)} less.`,
        evidence: [
          ['its branch costs', `${percent(report.branchCost, 2)} per sample, on average`],
          ['reached by', percent(report.reached)],
          ['exit here', `${percent(report.left, 2)} at threshold ${threshold(report.threshold)}`],
          ['agreement without it', `${points(report.agreementLost)} more`],
        ],
        advice: [
          'Augment again without this branch, or with a cheaper body.',
          'Or place it where more of the samples that reach it can exit.',
        ],
      },
    ];
  });
