import { percent, threshold } from '../format.js';
import type { PolicyOutcome } from '../policy-outcome.js';
import type { ReportFacts } from '../report-facts.js';
import type { Check } from './finding.js';
import { agreementBounds } from './guarantee.js';

/** Below this share of early answers, branches hardly pay. */
const smallestEarlyShare = 0.3;
/** Minimum saving for a change of thresholds to be reported. */
export const worthwhileSaving = 0.03;

/** Too few early exits, because the thresholds are too strict or the branches too weak. */
export const checkFewEarlyExits: Check = (facts) => {
  const { shipped, goal, exits } = facts;
  const early = earlyShare(shipped);
  if (early >= smallestEarlyShare || exits.length === 0) return [];
  const cheapest = cheapestWithin(facts);
  const strict = cheapest !== null && shipped.cost - cheapest.cost >= worthwhileSaving;
  const best = exits.reduce((a, b) => (b.alone.agreement > a.alone.agreement ? b : a));
  return [
    {
      kind: 'few-early-exits',
      grade: 'problem',
      exit: null,
      title: strict
        ? `Too few samples exit early, ${percent(early)}: the thresholds are stricter than these data need.`
        : `Too few samples exit early, ${percent(early)}: no shared threshold keeps the agreement and saves noticeably more, so the branches are too weak.`,
      evidence: [
        ['early exits', percent(early)],
        ['cost', percent(shipped.cost)],
        ['agreement', `${percent(shipped.agreement, 2)}, wanted ${percent(goal.agreement, 2)}`],
        ...(cheapest
          ? [
              [
                `at threshold ${threshold(cheapest.thresholds[0] as number)} for all`,
                `${percent(earlyShare(cheapest))} exit early, cost ${percent(cheapest.cost)}`,
              ] as [string, string],
            ]
          : []),
        [`best branch alone (exit ${best.exit})`, `${percent(best.alone.agreement)} agreement`],
      ],
      advice: strict
        ? [
            'Choose the thresholds again on samples like these; hold out more, which makes the bound less strict.',
            'Lower the wanted agreement (--agreement), if the application allows it.',
          ]
        : [
            'Give the branches stronger bodies, or train them for longer on more samples.',
            'Place branches deeper, where the best one alone agrees more.',
            'Lower the wanted agreement (--agreement), if the application allows it.',
          ],
    },
  ];
};

/** The cheapest shared threshold that keeps the wanted agreement with certainty on these data. */
export function cheapestWithin(facts: ReportFacts): PolicyOutcome | null {
  return facts.curve
    .filter(({ agreement }) => agreementBounds(facts, agreement).low >= facts.goal.agreement)
    .reduce<PolicyOutcome | null>((best, point) => (best && best.cost <= point.cost ? best : point), null);
}

export function earlyShare({ exitShares }: Pick<PolicyOutcome, 'exitShares'>): number {
  return 1 - (exitShares.at(-1) ?? 1);
}
