import { type GroupStatus, thresholdText } from '@offramp/controller';

/** What the controller makes of the goal, in lines of less than 80 columns. */
export function controlLines({ decision, canary, policyVersion, thresholds }: GroupStatus): string[] {
  if (!decision) return ["goal        none yet: thresholds are the bundle's own"];
  const { facts, tableTrusted } = decision;
  const audits = `${count(facts.records)} audits${tableTrusted ? '' : ' since the drift'}`;
  const by = facts.provenBy === 'table' ? 'held-out pictures' : audits;
  const nobodyLeaves = facts.exitShares.slice(0, -1).every((share) => share === 0);
  return [
    nobodyLeaves
      ? 'proven      agreement, since no picture leaves early'
      : `proven      ≥ ${percent(facts.agreementBound)} agreement (95 % certain), by ${by}`,
    `foretold    ${percent(facts.agreement)} agreement, ${percent(facts.cost)} of the cost, ${percent(1 - facts.offloadShare)} answered on the device`,
    `thresholds  ${thresholds.map(thresholdText).join(' ')}`,
    canary
      ? `policy      ${policyVersion}, tried by ${percent(canary.share)} of cameras: ${count(canary.samples)} answers so far`
      : `policy      ${policyVersion}, followed by all`,
  ];
}

const percent = (share: number) => `${Number((share * 100).toFixed(1))} %`;
const count = (value: number) => Math.round(value).toLocaleString('en');
