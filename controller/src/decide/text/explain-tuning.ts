import type { Goal } from '../model/goals.js';
import type { TuningDecision, TuningReason } from '../tuner/tuning-decision.js';
import { countText } from './count-text.js';
import { goalText } from './goal-text.js';
import { percentText as percent } from './percent-text.js';
import { thresholdText } from './threshold-text.js';

const reasons: Record<TuningReason, string> = {
  'no-goal': 'No goal is set, so thresholds stay as they are.',
  'too-little-evidence':
    'Other thresholds look better, but there are too few samples since the last change to judge them.',
  drift:
    'The input distribution has shifted, so thresholds are as high as goals allow until audits prove lower ones.',
  'not-proven': 'The previous thresholds are not proven to meet the goal, so thresholds went up.',
  'over-ceiling': 'Higher thresholds would exceed a limit, so thresholds went down.',
  cheaper: 'Lower thresholds are proven to meet the goal, so they went down, by a bounded step.',
  safer: 'The limits allow for more agreement, so thresholds went up.',
  aligned:
    'Thresholds that were set by hand moved to the nearest safer bin edges, so that evidence applies to them exactly.',
  'good-enough': 'No proven thresholds would be enough of an improvement.',
};

/** The same for thresholds that are not in force. */
const reasonsAside: Record<TuningReason, string> = {
  ...reasons,
  drift:
    'The input distribution has shifted: these are as high as goals allow until audits prove lower ones.',
  'not-proven': 'Lower ones are not proven to meet the goal.',
  'over-ceiling': 'With higher ones, a limit would be exceeded.',
  cheaper: 'They are proven to meet the goal at a lower cost.',
  safer: 'The limits allow for that much agreement.',
  aligned: 'They are at the nearest safer bin edges.',
};

/**
 * Explains in sentences why a group's thresholds are what they are.
 * @param inForce whether devices have these thresholds, or the controller would only set them
 */
export function explain(
  goals: readonly Goal[],
  decision: Omit<TuningDecision, 'changed'>,
  inForce = true,
): string[] {
  const { facts, choice, drift } = decision;
  const agreementAsked = goals.some(({ kind }) => kind === 'agreement');
  const lines = [
    goals.length === 0
      ? 'No goal is set for this group.'
      : `The goal is ${goals.map(goalText).join('; then, if possible, ')}.`,
    `${inForce ? 'Thresholds are' : 'The controller would have'} ${decision.thresholds.map(thresholdText).join(', ')}.`,
    `At these, ${percent(facts.agreement)} of answers should be those of the whole model (not counting degraded answers), ${percent(facts.offloadShare)} of samples go to the cloud, and a sample costs ${percent(facts.cost)} of the whole model on average.`,
  ];
  if (agreementAsked) lines.push(proofInWords(decision));
  if (drift?.kind === 'confidence') {
    lines.push(
      `The first exit's confidences have shifted: of the last ${countText(drift.samples)} samples, ${percent(drift.distance)} are distributed differently.`,
    );
  }
  if (drift?.kind === 'agreement') {
    lines.push(
      `Of about ${countText(drift.audited)} audits among the last ${countText(drift.samples)} samples, ${countText(drift.disagreed)} disagreed with the whole model, more than the goal allows.`,
    );
  }
  lines.push((inForce ? reasons : reasonsAside)[decision.reason]);
  if (inForce && decision.position !== decision.target && decision.reason === 'cheaper') {
    lines.push('More steps in the same direction will follow if the evidence stays the same.');
  }
  if (choice.limitedBy)
    lines.push(`They cannot be ${limitInWords(agreementAsked)} because of: ${goalText(choice.limitedBy)}.`);
  for (const goal of choice.unmet)
    lines.push(`Not met: ${goalText(goal)}. More important goals do not allow it.`);
  if (decision.position === 0) lines.push('Every sample is an audit.');
  else {
    lines.push(
      `${percent(decision.auditRate)} of samples ${inForce ? 'are' : 'would be'} chosen for audits: ${
        {
          steady: 'no evidence contradicts the proof',
          settling: 'these are the first to test the proof',
          uncertain: 'more evidence is needed soon',
        }[decision.certainty]
      }.`,
    );
  }
  return lines;
}

function proofInWords({ facts, tableTrusted, position }: Omit<TuningDecision, 'changed'>): string {
  if (position === 0) return 'No sample exits early, so every answer is that of the whole model.';
  const bound = `With 95 % certainty it is at least ${percent(facts.agreementBound)}`;
  return facts.provenBy === 'table'
    ? `${bound}, by held-out samples weighted by current confidences, equivalent to ${countText(facts.tableSamples)} samples.`
    : `${bound}, by ${countText(facts.records)} audit records among ${countText(facts.samples)} samples${tableTrusted ? '' : '; held-out samples no longer count, because the input distribution has shifted'}.`;
}

function limitInWords(agreementAsked: boolean): string {
  return agreementAsked ? 'lower' : 'higher';
}
