import { upperBound } from '../binomial-interval.js';
import { threshold as formatThreshold, integer, percent, points } from '../format.js';
import type { Check } from './finding.js';

/** A gap between stated and observed below this does not matter. */
const smallestGap = 0.01;
/** Probability of calling an exit over-confident by chance. */
const alpha = 0.01;

/** Exits whose confidence is too high: wrong answers exit with high confidence. */
export const checkOverconfident: Check = ({ exits, shipped, samples }) => {
  const all = Math.round((1 - shipped.agreement) * samples);
  return exits.flatMap(({ exit, leavers, threshold }) => {
    const { samples: left, disagreements, confidence } = leavers;
    if (left === 0) return [];
    const agreed = left - disagreements;
    const gap = confidence - agreed / left;
    if (gap < smallestGap || upperBound(agreed, left, alpha) >= confidence) return [];
    return [
      {
        kind: 'overconfident',
        grade: 'problem',
        exit,
        title: `Exit ${exit} is over-confident: samples that exit there agree ${points(gap, 1)} less than it states.`,
        evidence: [
          ['mean confidence of samples that exit here', percent(confidence, 2)],
          ['of them agree', percent(agreed / left, 2)],
          ['disagree', `${integer(disagreements)} of ${integer(left)} that exit here`],
          ['share of all disagreements', percent(all === 0 ? 0 : disagreements / all)],
          ['threshold', formatThreshold(threshold)],
        ],
        advice: [
          'Hold out more samples, unseen by the backbone, for confidence heads and thresholds (--hold-out).',
          `Raise the threshold of exit ${exit}.`,
          'Give the branch a stronger body, so that it makes fewer mistakes.',
        ],
      },
    ];
  });
};
