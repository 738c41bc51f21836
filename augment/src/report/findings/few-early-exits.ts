import { percent, threshold } from '../format.js';
import type { PolicyOutcome } from '../policy-outcome.js';
import type { ReportFacts } from '../report.js';
import type { Check } from './finding.js';
import { agreementBounds } from './guarantee.js';

/** Fewer early answers than this are hardly worth the branches. */
const smallestEarlyShare = 0.3;
/** Cost that a change of thresholds has to save to be worth a word. */
export const worthwhileSaving = 0.03;

/** Too few leave early: because the thresholds are too strict, or because the branches cannot. */
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
        ? `Too few leave early, ${percent(early)}: the thresholds are stricter than these data need.`
        : `Too few leave early, ${percent(early)}: no shared threshold keeps the agreement and saves noticeably more, so the branches are what is lacking.`,
      evidence: [
        ['leave early', percent(early)],
        ['cost', percent(shipped.cost)],
        ['agreement', `${percent(shipped.agreement, 2)}, wanted ${percent(goal.agreement, 2)}`],
        ...(cheapest
          ? [
              [
                `at threshold ${threshold(cheapest.thresholds[0] as number)} for all`,
                `${percent(earlyShare(cheapest))} leave early, cost ${percent(cheapest.cost)}`,
              ] as [string, string],
            ]
          : []),
        [`best branch alone (exit ${best.exit})`, `${percent(best.alone.agreement)} agreement`],
      ],
      advice: strict
        ? [
            'Choose the thresholds anew on pictures like these; hold out more, which makes the bound less strict.',
            'Lower the wanted agreement (--agreement), if the use allows it.',
          ]
        : [
            'Give the branches stronger bodies, or train them for longer on more pictures.',
            'Place branches deeper, where the best one alone agrees more.',
            'Lower the wanted agreement (--agreement), if the use allows it.',
          ],
    },
  ];
};

/** The cheapest of the shared thresholds that keeps the wanted agreement with certainty on these data. */
export function cheapestWithin(facts: ReportFacts): PolicyOutcome | null {
  return facts.curve
    .filter(({ agreement }) => agreementBounds(facts, agreement).low >= facts.goal.agreement)
    .reduce<PolicyOutcome | null>((best, point) => (best && best.cost <= point.cost ? best : point), null);
}

export function earlyShare({ exitShares }: Pick<PolicyOutcome, 'exitShares'>): number {
  return 1 - (exitShares.at(-1) ?? 1);
}
