import { sameThresholds } from '../candidates/threshold-path.js';
import type { GroupState } from '../model/group-state.js';
import { countText } from './count-text.js';
import { degradedInWords } from './degraded-text.js';
import { explain } from './explain-tuning.js';
import { percentText as percent } from './percent-text.js';
import { reachText } from './reach-text.js';
import { thresholdText } from './threshold-text.js';

/**
 * A state's explanation, with a note about changes that it does not cover yet.
 * @param newest newest policy and record of goals in the buckets
 */
export function explainNow(
  state: GroupState,
  newest: { policyVersion: number; goalsRevision: number },
): string[] {
  const { explanation, policy, goalsRevision } = state;
  const isNew = [
    ...(newest.policyVersion === (policy?.version ?? 0) ? [] : [`policy ${newest.policyVersion}`]),
    ...(newest.goalsRevision === goalsRevision ? [] : ["the group's goals"]),
  ];
  if (isNew.length === 0) return explanation;
  return [
    `The controller has not considered ${isNew.join(' and ')} yet. The rest describes the previous state.`,
    ...explanation,
  ];
}

/** Explains a group's thresholds in sentences. @param unknown missing information, in sentences */
export function explainGroup(state: GroupState, group: string, unknown: readonly string[]): string[] {
  const { goals, decision, mode, pinnedBy, canary, outliers, problem, cooldown, policy } = state;
  const lines: string[] = [];
  if (pinnedBy && mode === 'auto') {
    lines.push(
      `${pinnedBy.author} has set policy ${pinnedBy.version}, so the controller does not change thresholds until \`offramp fleet resume ${group}\`. The rest is what it would do.`,
    );
  }
  if (mode === 'pinned' || mode === 'frozen') {
    lines.push(
      `Thresholds are ${mode}, so they stay until \`offramp fleet resume ${group}\`. The rest is what the controller would do.`,
    );
  }
  if (problem) lines.push(problem);
  if (state.degraded.many) {
    lines.push(
      `${degradedInWords(state.degraded)} Statements about agreement do not cover degraded answers.`,
    );
  }
  if (decision) {
    const inForce = !policy || sameThresholds(decision.thresholds, policy.thresholds);
    if (!inForce) lines.push(`Thresholds in force are ${policy.thresholds.map(thresholdText).join(', ')}.`);
    lines.push(...explain(goals, decision, inForce));
  }
  if (canary && policy) {
    lines.push(
      `Policy ${canary.version} is tried by ${reachText(canary)} first; ${countText(canary.tried.samples)} of their samples have been counted, and ${countText(canary.others.samples)} of the other devices', which follow ${canary.stable.version === 0 ? 'their bundle' : `policy ${canary.stable.version}`}.`,
    );
  }
  if (cooldown && decision) {
    lines.push(
      `Thresholds like ${cooldown.thresholds.map(thresholdText).join(', ')} have failed on some devices; they are not tried again before the group has ${countText(cooldown.untilSamples)} samples.`,
    );
  }
  if (outliers.length > 0) {
    const names = outliers.slice(0, 5).map(({ device, distance }) => `${device} (${percent(distance)})`);
    const more = outliers.length > names.length ? ` and ${outliers.length - names.length} more` : '';
    lines.push(
      `${outliers.length === 1 ? 'One device differs from its group and has its own thresholds' : `${outliers.length} devices differ from their group and have their own thresholds`}: ${names.join(', ')}${more}.`,
    );
  }
  return [...lines, ...unknown];
}
