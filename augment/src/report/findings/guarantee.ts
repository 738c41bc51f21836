import { lowerBound, upperBound } from '../binomial-interval.js';
import { integer, percent } from '../format.js';
import type { ReportFacts } from '../report-facts.js';
import type { Check, Finding } from './finding.js';

/** Whether the agreement that the thresholds were chosen for holds on these data, and with what certainty. */
export const checkGuarantee: Check = (facts) => {
  const { goal, samples, shipped } = facts;
  const { low, high } = agreementBounds(facts, shipped.agreement);
  const certainty = percent(1 - goal.delta, 0);
  const finding = (grade: Finding['grade'], title: string, advice: string[]): Finding[] => [
    {
      kind: 'guarantee',
      grade,
      exit: null,
      title,
      evidence: [
        ['agreement', percent(shipped.agreement, 2)],
        [`lower bound at ${certainty}`, percent(low, 2)],
        [`upper bound at ${certainty}`, percent(high, 2)],
        ['wanted', percent(goal.agreement, 2)],
        ['samples', integer(samples)],
      ],
      advice,
    },
  ];
  if (low >= goal.agreement) {
    return finding(
      'good',
      `The guarantee holds: agreement is at least ${percent(low, 2)} with ${certainty} certainty, and ${percent(goal.agreement, 2)} was wanted.`,
      [],
    );
  }
  if (high < goal.agreement) {
    return finding(
      'problem',
      `The guarantee is missed: agreement is at most ${percent(high, 2)} with ${certainty} certainty, and ${percent(goal.agreement, 2)} was wanted.`,
      [
        'Check that these samples are prepared as the training samples were: size, channels, mean and deviation.',
        'Augment again with samples like these among the held-out ones, so that the thresholds are chosen for them.',
        'Until then, raise the thresholds: the table of points shows the cost of agreement here.',
      ],
    );
  }
  const side = shipped.agreement >= goal.agreement ? 'above' : 'below';
  return finding(
    side === 'above' ? 'good' : 'hint',
    `Agreement is ${side} the ${percent(goal.agreement, 2)} that was wanted, but ${integer(samples)} samples are too few to be certain.`,
    side === 'above'
      ? []
      : ['Evaluate on more samples, and raise the thresholds a little if it stays below.'],
  );
};

/** One-sided bounds of an observed agreement, each missed with probability δ. */
export function agreementBounds(
  { samples, goal }: Pick<ReportFacts, 'samples' | 'goal'>,
  agreement: number,
): { low: number; high: number } {
  const agreed = Math.round(agreement * samples);
  return { low: lowerBound(agreed, samples, goal.delta), high: upperBound(agreed, samples, goal.delta) };
}
