import { percentText as percent } from '../percent-text.js';
import { thresholdText } from '../threshold-text.js';
import { explain } from '../tuner/explain.js';
import { sameThresholds } from '../tuner/threshold-path.js';
import { recentOf } from './degraded-answers.js';
import type { GroupState } from './group-state.js';

/**
 * What a state says, with a word of what it does not know yet: people do not wait for the controller's next look.
 * @param newest policy and record of goals, as the buckets have them
 */
export function explainNow(
  state: GroupState,
  newest: { policyVersion: number; goalsRevision: number },
): string[] {
  const { explanation, policy, goalsRevision } = state;
  const isNew = [
    ...(newest.policyVersion === (policy?.version ?? 0) ? [] : [`policy ${newest.policyVersion}`]),
    ...(newest.goalsRevision === goalsRevision ? [] : ['what is wanted of the group']),
  ];
  if (isNew.length === 0) return explanation;
  return [
    `The controller has not looked at ${isNew.join(' and ')} yet. What follows is of before.`,
    ...explanation,
  ];
}

export function degradedInWords({ degraded }: Pick<GroupState, 'degraded'>): string {
  const { samples, share, refused } = recentOf(degraded.recent);
  const byWorkers = refused === 0 ? '' : ` Workers refused ${percent(refused)} of these.`;
  return `Of the last ${count(samples)} samples, ${percent(share)} were answered by a branch that was not sure, since the cloud did not answer.${byWorkers}`;
}

/** Why a group is as it is, in sentences for a person. @param unknown what is not known, in sentences */
export function explainGroup(state: GroupState, group: string, unknown: readonly string[]): string[] {
  const { goals, decision, mode, pinnedBy, canary, apart, problem, bar, policy } = state;
  const lines: string[] = [];
  if (pinnedBy && mode === 'auto') {
    lines.push(
      `${pinnedBy.author} has set policy ${pinnedBy.version}, so the controller leaves thresholds alone until \`offramp fleet resume ${group}\`. What follows is what it has found.`,
    );
  }
  if (mode === 'pinned' || mode === 'frozen') {
    lines.push(
      `Thresholds are ${mode}, so they stay until \`offramp fleet resume ${group}\`. What follows is what the controller has found.`,
    );
  }
  if (problem) lines.push(problem);
  if (state.degraded.many) {
    lines.push(`${degradedInWords(state)} What is said of agreement is not said of degraded answers.`);
  }
  if (decision) {
    const inForce = !policy || sameThresholds(decision.thresholds, policy.thresholds);
    if (!inForce) lines.push(`In force are ${policy.thresholds.map(thresholdText).join(', ')}.`);
    lines.push(...explain(goals, decision, inForce));
  }
  if (canary && policy) {
    lines.push(
      `Policy ${canary.version} is tried by ${percent(canary.share)} of devices first; ${count(canary.tried.samples)} of their samples have spoken, and ${count(canary.others.samples)} of the others, who follow ${canary.stable.version === 0 ? 'their bundle' : `policy ${canary.stable.version}`}.`,
    );
  }
  if (bar && decision) {
    lines.push(
      `Thresholds like ${bar.thresholds.map(thresholdText).join(', ')} have failed on some devices; they are not tried again before ${count(bar.untilSamples)} samples are known.`,
    );
  }
  if (apart.length > 0) {
    const names = apart.slice(0, 5).map(({ device, distance }) => `${device} (${percent(distance)})`);
    const more = apart.length > names.length ? ` and ${apart.length - names.length} more` : '';
    lines.push(
      `${apart.length === 1 ? 'One device sees' : `${apart.length} devices see`} something else than the group, so they have thresholds of their own: ${names.join(', ')}${more}.`,
    );
  }
  return [...lines, ...unknown];
}

const count = (value: number) => Math.round(value).toLocaleString('en');
