import { integer, percent } from '../format.js';
import type { ReportFacts } from '../report-facts.js';
import { checkConcentrated } from './concentrated.js';
import { checkFewEarlyExits } from './few-early-exits.js';
import type { Check, Finding, FindingGrade } from './finding.js';
import { checkGuarantee } from './guarantee.js';
import { checkIndistinct } from './indistinct.js';
import { checkNetNegativeExit } from './net-negative-exit.js';
import { checkOverconfident } from './overconfident.js';
import { checkPlacement } from './placement.js';
import { checkSlack } from './slack.js';
import { checkTime } from './time.js';
import { checkTransfer } from './transfer.js';
import { checkWeak } from './weak.js';

const checks: readonly Check[] = [
  checkGuarantee,
  checkTransfer,
  checkOverconfident,
  checkConcentrated,
  checkIndistinct,
  checkFewEarlyExits,
  checkSlack,
  checkWeak,
  checkPlacement,
  checkNetNegativeExit,
  checkTime,
];

const order: readonly FindingGrade[] = ['problem', 'hint', 'good'];

/** Problems of a bundle on these data, worst first; a `good` finding if there are none. */
export function diagnose(facts: ReportFacts): Finding[] {
  const findings = checks.flatMap((check) => check(facts));
  const found = order.flatMap((grade) => findings.filter((finding) => finding.grade === grade));
  const wrong = found.filter(({ grade }) => grade !== 'good');
  return wrong.length > 0 ? found : [healthy(facts), ...found];
}

function healthy({ samples, heldOut }: ReportFacts): Finding {
  return {
    kind: 'healthy',
    grade: 'good',
    exit: null,
    title: "No problems found: none of the method's known failures occurs on these data.",
    evidence: [
      [
        'checked',
        'a missed guarantee, thresholds that do not transfer, over-confident or indistinct exits, too few early exits, weak, badly placed or unused branches, exits that cost more than they save, time that does not fall as MACs do',
      ],
      ['samples', `${integer(samples)} here, ${integer(heldOut.samples)} held out`],
      ['agreement on the held-out samples', percent(heldOut.shipped.agreement, 2)],
    ],
    advice: [],
  };
}
