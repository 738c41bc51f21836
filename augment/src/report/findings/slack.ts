import { percent, points, threshold } from '../format.js';
import { cheapestWithin, earlyShare, worthwhileSaving } from './few-early-exits.js';
import type { Check } from './finding.js';

/** Agreement above the goal: lower thresholds would allow more early exits and still meet it. */
export const checkSlack: Check = (facts) => {
  const { shipped, goal } = facts;
  const cheapest = cheapestWithin(facts);
  if (!cheapest || shipped.cost - cheapest.cost < worthwhileSaving) return [];
  return [
    {
      kind: 'slack',
      grade: 'hint',
      exit: null,
      title: `Agreement exceeds the goal: one threshold of ${threshold(cheapest.thresholds[0] as number)} for all branches would cost ${points(shipped.cost - cheapest.cost, 1)} less and still meet the goal.`,
      evidence: [
        ['wanted agreement', percent(goal.agreement, 2)],
        ['shipped', `agreement ${percent(shipped.agreement, 2)} at cost ${percent(shipped.cost)}`],
        [
          'with that threshold',
          `agreement ${percent(cheapest.agreement, 2)} at cost ${percent(cheapest.cost)}, ${percent(earlyShare(cheapest))} exit early`,
        ],
      ],
      advice: [
        'Set lower thresholds for the group (offramp fleet policy set), or choose them again on samples like these.',
      ],
    },
  ];
};
