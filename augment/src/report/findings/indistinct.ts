import { percent, significant } from '../format.js';
import type { Check } from './finding.js';

/** Below this, confidence hardly separates right from wrong. */
const poorDiscrimination = 0.7;
/** Samples of the rarer kind, below which the measure is noise. */
const fewestOfAKind = 30;

/** Exits whose confidence does not separate right from wrong answers. */
export const checkIndistinct: Check = ({ exits }) =>
  exits.flatMap(({ exit, discrimination, histogram, reached }) => {
    const agree = histogram.reduce((sum, bin) => sum + bin.agree, 0);
    const disagree = histogram.reduce((sum, bin) => sum + bin.disagree, 0);
    if (discrimination === null || Math.min(agree, disagree) < fewestOfAKind) return [];
    if (discrimination >= poorDiscrimination) return [];
    return [
      {
        kind: 'indistinct',
        grade: 'hint',
        exit,
        title: `The confidence of exit ${exit} hardly separates right from wrong.`,
        evidence: [
          ['chance that of a pair the agreeing sample has the higher confidence', percent(discrimination)],
          ['by guessing', percent(0.5)],
          ['agree', `${significant((100 * agree) / (agree + disagree))} % of those that reach it`],
          ['reached by', percent(reached)],
        ],
        advice: [
          'Train the confidence head on more held-out samples, or compare with another exit criterion.',
          'Move the branch deeper, or give it a stronger body.',
        ],
      },
    ];
  });
