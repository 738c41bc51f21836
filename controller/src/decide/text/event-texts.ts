import type { DeviceDeviation } from '../drift/device-deviation.js';
import type { DegradedAnswers } from '../group/degraded-answers.js';
import type { ControlMode } from '../model/fleet-control.js';
import type { Goal } from '../model/goals.js';
import type { Canary } from '../rollout/canary.js';
import type { CanaryHarm } from '../rollout/canary-harm.js';
import type { Drift, TuningDecision } from '../tuner/tuning-decision.js';
import { countText } from './count-text.js';
import { degradedInWords } from './degraded-text.js';
import { goalText } from './goal-text.js';
import { namesText } from './names-text.js';
import { percentText } from './percent-text.js';
import { presenceTexts } from './presence-texts.js';
import { reachText } from './reach-text.js';
import { thresholdText } from './threshold-text.js';

/** The sentences of all fleet events. */
export const eventTexts = {
  ...presenceTexts,

  // Operators' changes.
  goalsSet: (goals: readonly Goal[], reason: string) =>
    goals.length === 0
      ? `No goal${because(reason)}.`
      : `The goal is ${goals.map(goalText).join('; then ')}${because(reason)}.`,
  modeSet: (mode: ControlMode, reason: string) => `${modeTexts[mode]}${because(reason)}.`,
  /** @param pins whether the controller stops changing the policy */
  policySet: (author: string, version: number, reason: string, pins: boolean) =>
    `${author} set policy ${version}${because(reason)}.${pins ? ' The controller does not change it until `offramp fleet resume`.' : ''}`,
  /** Follows the sentence about a policy. @param devices online devices with another bundle */
  notFollowedBy: (devices: readonly string[]) =>
    devices.length === 0
      ? ''
      : ` ${countText(devices.length)} ${devices.length === 1 ? 'device with another bundle does' : 'devices with another bundle do'} not follow this policy: ${namesText(devices)}.`,
  policyDeleted: () => 'The policy was deleted.',

  // New thresholds.
  higherThresholds: (decision: TuningDecision) => {
    const thresholds = forAll(decision.thresholds);
    if (decision.drift) return `${thresholds}, because the input distribution has shifted.`;
    return decision.reason === 'not-proven'
      ? `${thresholds}, because lower ones are no longer proven.`
      : `${thresholds}.`;
  },
  thresholdsForAll: (thresholds: readonly number[]) => `${forAll(thresholds)}.`,
  thresholdsStay: (auditRate: number) =>
    `Thresholds stay; ${percentText(auditRate)} of samples are chosen for audits.`,

  // Canaries.
  /** @param first devices that get them, of `online` */
  canaryBegins: (thresholds: readonly number[], first: readonly string[], online: number) =>
    `Thresholds ${listed(thresholds)} go to ${countText(first.length)} of ${countText(online)} devices first: ${namesText(first)}.`,
  canaryGoesOn: (thresholds: readonly number[]) =>
    `Thresholds ${listed(thresholds)} are tried further, with other exceptions.`,
  canaryReplaced: (version: number, thresholds: readonly number[]) =>
    `Policy ${version} is no longer proven; thresholds ${listed(thresholds)} are tried instead.`,
  widened: (canary: Pick<Canary, 'version' | 'share' | 'reach'>) =>
    `Policy ${canary.version} is tried by ${reachText(canary)}.`,
  promoted: (version: number, samples: number) =>
    `All devices get policy ${version}: ${countText(samples)} samples showed no harm.`,
  canaryHarms: (version: number, harm: CanaryHarm) => `Policy ${version} is rolled back: ${harmText(harm)}.`,
  canaryNotProven: (version: number) => `Policy ${version} is rolled back: it is no longer proven.`,
  /** A canary is rolled back, and all devices get higher thresholds than before it. */
  higherThanBeforeCanary: ({ thresholds, drift }: TuningDecision) => {
    const why = drift ? 'the input distribution has shifted' : 'lower ones are no longer proven';
    return `${forAll(thresholds)}: ${why}.`;
  },
  canaryEnded: (version: number, mode: ControlMode) =>
    `Policy ${version} is rolled back: ${mode === 'auto' ? 'there is no goal any more' : `thresholds are ${mode}`}.`,

  // What evidence shows.
  goalMet: (goals: readonly Goal[]) => `The goal is met: ${goals.map(goalText).join('; ')}.`,
  goalUnmet: (unmet: readonly (Goal | 'workers')[]) => `Not met: ${unmet.map(goalText).join('; ')}.`,
  drift: (drift: Drift) =>
    drift.kind === 'confidence'
      ? `Confidences have shifted: of the last ${countText(drift.samples)} samples, ${percentText(drift.distance)} are distributed differently.`
      : `Of about ${countText(drift.audited)} audits among the last ${countText(drift.samples)} samples, ${countText(drift.disagreed)} disagreed with the whole model.`,
  degraded: (degraded: DegradedAnswers) => degradedInWords(degraded),
  degradedOver: (degraded: DegradedAnswers) =>
    `Answers come from the cloud again. ${degradedInWords(degraded)}`,
  deviceDeviates: ({ device, distance }: DeviceDeviation) =>
    `Device ${device} differs from its group: ${percentText(distance)} of its first exit's confidences are distributed differently. It gets its own thresholds.`,
  deviceRejoined: (device: string) => `Device ${device} no longer differs from its group.`,

  // Controllers.
  leads: (instance: string) => `${instance} leads now.`,
  storageBack: ({ ms, reason }: { ms: number; reason: string }) =>
    `JetStream stored nothing for ${Math.round(ms / 1_000)} s, so nothing was decided: ${reason}. It stores again.`,
};

const modeTexts: Record<ControlMode, string> = {
  auto: 'The controller sets thresholds',
  pinned: 'Thresholds are pinned: the controller does not change them',
  frozen: 'Thresholds are frozen',
};

function harmText(harm: CanaryHarm): string {
  if (harm.kind === 'disagreement') {
    return `${harm.disagreed} of its audits disagreed with the whole model, more than the goal allows`;
  }
  const what =
    harm.kind === 'late'
      ? 'were answered later than the goal allows'
      : 'were answered by a branch below its threshold, because the cloud did not answer';
  return `${percentText(harm.share)} of its samples ${what}, against ${percentText(harm.othersShare)} on other devices`;
}

function forAll(thresholds: readonly number[]): string {
  return thresholds.every((threshold) => threshold > 1)
    ? 'Every sample runs to the final exit'
    : `Thresholds ${listed(thresholds)} for all devices`;
}

const listed = (thresholds: readonly number[]) => thresholds.map(thresholdText).join(' ');

const because = (reason: string) => (reason ? `: ${reason}` : '');
