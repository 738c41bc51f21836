import { lowerBound } from '../binomial-interval.js';
import { integer, percent } from '../format.js';
import type { Check } from './finding.js';

/** An exit stands out from this share of all disagreements … */
const smallestShare = 0.5;
/** … and this many times the rate of the other branches. */
const smallestRatio = 2;
const alpha = 0.01;

/** Disagreements that come from one exit, out of proportion to its samples. */
export const checkConcentrated: Check = ({ exits }) => {
  const left = exits.reduce((sum, { leavers }) => sum + leavers.samples, 0);
  const wrong = exits.reduce((sum, { leavers }) => sum + leavers.disagreements, 0);
  return exits.flatMap(({ exit, leavers }) => {
    const { samples, disagreements } = leavers;
    const others = left - samples;
    if (wrong === 0 || samples === 0 || others === 0) return [];
    const rate = disagreements / samples;
    const otherRate = (wrong - disagreements) / others;
    // With evenly spread wrong answers, the exit would have its share of them.
    const beyondChance = lowerBound(disagreements, wrong, alpha) > samples / left;
    if (disagreements / wrong < smallestShare || rate < smallestRatio * otherRate || !beyondChance) return [];
    return [
      {
        kind: 'concentrated',
        grade: 'hint',
        exit,
        title: `Most wrong early answers come from exit ${exit}: ${percent(disagreements / wrong, 0)} of them, from ${percent(samples / left, 0)} of the early answers.`,
        evidence: [
          [
            `disagree at exit ${exit}`,
            `${integer(disagreements)} of ${integer(samples)}, ${percent(rate, 2)}`,
          ],
          [
            'disagree at the other branches',
            `${integer(wrong - disagreements)} of ${integer(others)}, ${percent(otherRate, 2)}`,
          ],
        ],
        advice: [
          `Raise the threshold of exit ${exit} and lower those of the others: the same agreement may cost less.`,
          'Weight the branch towards the samples that reach it, or give it a stronger body.',
        ],
      },
    ];
  });
};
