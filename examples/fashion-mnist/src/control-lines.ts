import { type GroupStatus, reachText, thresholdText } from '@offramp/controller';

/** The controller's decision for the goal, in lines of less than 80 columns. */
export function controlLines({ decision, canary, policyVersion, thresholds }: GroupStatus): string[] {
  if (!decision) return ["goal        none yet: thresholds are the bundle's own"];
  const { facts, tableTrusted } = decision;
  const audits = `${count(facts.records)} audits${tableTrusted ? '' : ' since the drift'}`;
  const by = facts.provenBy === 'table' ? 'held-out pictures' : audits;
  const nobodyLeaves = facts.exitShares.slice(0, -1).every((share) => share === 0);
  return [
    nobodyLeaves
      ? 'proven      agreement, because no picture exits early'
      : `proven      ≥ ${percent(facts.agreementBound)} agreement (95 % certain), by ${by}`,
    `predicted   ${percent(facts.agreement)} agreement, ${percent(facts.cost)} of the cost, ${percent(1 - facts.offloadShare)} answered on the device`,
    `thresholds  ${thresholds.map(thresholdText).join(' ')}`,
    canary
      ? `policy      ${policyVersion}, tried by ${reachText(canary)}: ${count(canary.samples)} answers so far`
      : `policy      ${policyVersion}, followed by all`,
  ];
}

const percent = (share: number) => `${Number((share * 100).toFixed(1))} %`;
const count = (value: number) => Math.round(value).toLocaleString('en');
