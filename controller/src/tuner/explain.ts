import { percentText as percent } from '../percent-text.js';
import { thresholdText } from '../threshold-text.js';
import type { Goal } from './goals.js';
import type { TuningDecision, TuningReason } from './tune.js';

const reasons: Record<TuningReason, string> = {
  'no-goal': 'No goal is set, so thresholds stay as they are.',
  'too-little-evidence':
    'Others look better, but too few samples have come since the last change to judge by.',
  drift: 'The world has moved, so thresholds are as high as goals allow until audits prove lower ones.',
  'not-proven': 'What was in force before is not proven to meet the goal, so thresholds went up.',
  'over-ceiling': 'A limit would be exceeded otherwise, so thresholds went down.',
  cheaper: 'Lower thresholds are proven to meet the goal, so they went down, by a bounded step.',
  safer: 'The limits allow for more agreement, so thresholds went up.',
  aligned:
    'Thresholds that were set by hand moved to the nearest safer ones between which confidences are counted, so that evidence speaks of exactly these.',
  'good-enough': 'Nothing that is proven would be better by enough to be worth a change.',
};

/** The same where devices have others: what the controller has found, not what has happened. */
const reasonsAside: Record<TuningReason, string> = {
  ...reasons,
  drift: 'The world has moved: these are as high as goals allow until audits prove lower ones.',
  'not-proven': 'Lower ones are not proven to meet the goal.',
  'over-ceiling': 'With higher ones, a limit would be exceeded.',
  cheaper: 'They are proven to meet the goal at a lower cost.',
  safer: 'The limits allow for that much agreement.',
  aligned: 'They are the nearest safer ones between which confidences are counted.',
};

/**
 * Why a group's thresholds are what they are, in sentences for a person.
 * @param inForce whether devices have them; else it is said what they would be
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
      ? 'Nobody has said what this group is to achieve.'
      : `The goal is ${goals.map(goalInWords).join('; then, as far as that allows, ')}.`,
    `${inForce ? 'Thresholds are' : 'The controller would have'} ${decision.thresholds.map(thresholdText).join(', ')}.`,
    `At these, ${percent(facts.agreement)} of answers should be those of the whole model (degraded ones are not among these), ${percent(facts.offloadShare)} of samples go to the cloud, and a sample costs ${percent(facts.cost)} of the whole model on average.`,
  ];
  if (agreementAsked) lines.push(proofInWords(decision));
  if (drift?.kind === 'confidence') {
    lines.push(
      `The first exit's confidences have moved: of the last ${count(drift.samples)} samples, ${percent(drift.distance)} lie elsewhere than before.`,
    );
  }
  if (drift?.kind === 'agreement') {
    lines.push(
      `Of about ${count(drift.audited)} audits among the last ${count(drift.samples)} samples, ${count(drift.disagreed)} disagreed with the whole model, more than the goal has room for.`,
    );
  }
  lines.push((inForce ? reasons : reasonsAside)[decision.reason]);
  if (inForce && decision.position !== decision.target && decision.reason === 'cheaper') {
    lines.push('More steps in the same direction will follow if the evidence stays.');
  }
  if (choice.limitedBy)
    lines.push(`What keeps them from ${limitInWords(agreementAsked)}: ${goalInWords(choice.limitedBy)}.`);
  for (const goal of choice.unmet)
    lines.push(`Not met: ${goalInWords(goal)}. What comes before it does not allow for more.`);
  if (decision.position === 0) lines.push('So each of them is an audit.');
  else {
    lines.push(
      `A share of ${percent(decision.auditRate)} of samples ${inForce ? 'is' : 'would be'} chosen for audits: ${
        {
          steady: 'nothing speaks against the proof',
          settling: 'these are the first that the proof is held against',
          uncertain: 'evidence is wanted soon',
        }[decision.certainty]
      }.`,
    );
  }
  return lines;
}

function proofInWords({ facts, tableTrusted, position }: Omit<TuningDecision, 'changed'>): string {
  if (position === 0) return 'Nobody leaves early, so every answer is that of the whole model.';
  const bound = `With 95 % certainty it is at least ${percent(facts.agreementBound)}`;
  return facts.provenBy === 'table'
    ? `${bound}, by held-out samples weighted like today's confidences, which count as ${count(facts.tableSamples)}.`
    : `${bound}, by ${count(facts.records)} audit records among ${count(facts.samples)} samples${tableTrusted ? '' : '; held-out samples no longer count, since the world has moved'}.`;
}

function limitInWords(agreementAsked: boolean): string {
  return agreementAsked ? 'being lower' : 'being higher';
}

export function goalInWords(goal: Goal | 'workers'): string {
  if (goal === 'workers') return 'no more to the cloud than its workers bear';
  switch (goal.kind) {
    case 'agreement':
      return `agreement with the whole model on at least ${percent(goal.floor)} of samples`;
    case 'offload':
      return `at most ${percent(goal.ceiling)} of samples to the cloud`;
    case 'cloudSeconds':
      return `at most ${Number(goal.perSecond.toPrecision(3))} s of workers' time per second`;
    case 'latency':
      return `${percent(goal.quantile)} of answers within ${goal.targetMs} ms`;
  }
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}
