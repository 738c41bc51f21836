import {
  ControlModeCode,
  type GoalMessage,
  type GroupGoalsMessage,
  type GroupStatusInit,
  type GroupStatusMessage,
  type PolicyGapInit,
  type PolicyGapMessage,
  v1,
} from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import type { ControlMode, GroupGoals, GroupStatus } from '../decide/model/fleet-control.js';
import type { Goal } from '../decide/model/goals.js';
import type { PolicyGap } from '../decide/model/policy-gap.js';
import type { Certainty } from '../decide/tuner/audit-rate.js';
import type { Drift, TuningReason } from '../decide/tuner/tuning-decision.js';
import { readFacts, writeFacts } from '../store/event-messages.js';

const modes: Record<ControlMode, ControlModeCode> = {
  auto: ControlModeCode.CONTROL_MODE_AUTO,
  pinned: ControlModeCode.CONTROL_MODE_PINNED,
  frozen: ControlModeCode.CONTROL_MODE_FROZEN,
};

/** @throws OfframpError `USAGE` for an unknown mode */
export function readMode(code: ControlModeCode | null | undefined): ControlMode {
  const found = (Object.keys(modes) as ControlMode[]).find((mode) => modes[mode] === code);
  if (!found)
    throw new OfframpError('USAGE', `expected a mode, one of auto, pinned, frozen; found ${code ?? 0}`);
  return found;
}

export const writeMode = (mode: ControlMode): ControlModeCode => modes[mode];

export function writeGoal(goal: Goal): GoalMessage {
  switch (goal.kind) {
    case 'agreement':
      return { agreementFloor: goal.floor };
    case 'offload':
      return { offloadCeiling: goal.ceiling };
    case 'cloudSeconds':
      return { cloudSecondsPerSecond: goal.perSecond };
    case 'latency':
      return { latency: { targetMs: goal.targetMs, quantile: goal.quantile } };
  }
}

/** @throws OfframpError `USAGE` for an unknown kind of goal */
export function readGoal(message: GoalMessage): Goal {
  const { agreementFloor, offloadCeiling, cloudSecondsPerSecond, latency } = message;
  if (agreementFloor != null) return { kind: 'agreement', floor: agreementFloor };
  if (offloadCeiling != null) return { kind: 'offload', ceiling: offloadCeiling };
  if (cloudSecondsPerSecond != null) return { kind: 'cloudSeconds', perSecond: cloudSecondsPerSecond };
  if (latency) return { kind: 'latency', targetMs: latency.targetMs ?? 0, quantile: latency.quantile ?? 0 };
  throw new OfframpError('USAGE', 'expected a goal of a kind that this controller knows');
}

export function writeGoals({ goals, mode, setAt, ...rest }: GroupGoals): GroupGoalsMessage {
  return { ...rest, goals: goals.map(writeGoal), mode: writeMode(mode), setAtMs: setAt?.getTime() ?? 0 };
}

export function readGoalsMessage(message: GroupGoalsMessage): GroupGoals {
  return {
    group: message.group ?? '',
    goals: (message.goals ?? []).map(readGoal),
    mode: readMode(message.mode),
    revision: message.revision ?? 0,
    author: message.author ?? '',
    reason: message.reason ?? '',
    setAt: message.setAtMs ? new Date(message.setAtMs) : null,
  };
}

export function writeStatus(status: GroupStatus): GroupStatusInit {
  const { mode, bundleDigest, decidedAt, decision, problem, canary, policyGaps, ...rest } = status;
  return {
    ...rest,
    mode: writeMode(mode),
    bundleDigest: Buffer.from(bundleDigest ?? '', 'hex'),
    decidedAtMs: decidedAt?.getTime() ?? 0,
    problem: problem ?? '',
    canary: canary && { ...canary, ...canary.reach },
    policyGaps: policyGaps.map(writeGap),
    decision: decision && {
      ...decision,
      facts: writeFacts(decision.facts),
      drift: decision.drift && writeDrift(decision.drift),
    },
  };
}

export function readStatus(message: GroupStatusMessage): GroupStatus {
  const { decision, canary } = message;
  return {
    group: message.group ?? '',
    mode: readMode(message.mode),
    bundleDigest: message.bundleDigest?.length ? Buffer.from(message.bundleDigest).toString('hex') : null,
    policyVersion: message.policyVersion ?? 0,
    thresholds: message.thresholds ?? [],
    auditRate: message.auditRate ?? 0,
    decidedAt: message.decidedAtMs ? new Date(message.decidedAtMs) : null,
    decision: decision
      ? {
          reason: (decision.reason ?? '') as TuningReason,
          certainty: (decision.certainty ?? '') as Certainty,
          tableTrusted: decision.tableTrusted ?? false,
          drift: decision.drift ? readDrift(decision.drift) : null,
          facts: readFacts(decision.facts ?? v1.TuningFacts.decode(new Uint8Array(0))),
          unmet: decision.unmet ?? [],
        }
      : null,
    canary: canary
      ? {
          policyVersion: canary.policyVersion ?? 0,
          share: canary.share ?? 0,
          reach: canary.devices ? { devices: canary.devices, online: canary.online ?? 0 } : null,
          samples: canary.samples ?? 0,
          stableThresholds: canary.stableThresholds ?? [],
        }
      : null,
    exceptions: (message.exceptions ?? []).map(({ device, distance, thresholds }) => ({
      ...{ device: device ?? '', distance: distance ?? 0, thresholds: thresholds ?? [] },
    })),
    policyGaps: message.policyGaps.map(readGap),
    explanation: message.explanation ?? [],
    problem: message.problem || null,
  };
}

export function writeGap({ reason, policyBundleDigest, bundleDigest, ...rest }: PolicyGap): PolicyGapInit {
  return {
    ...rest,
    otherBundle: reason === 'other-bundle',
    policyBundleDigest: Buffer.from(policyBundleDigest, 'hex'),
    bundleDigest: Buffer.from(bundleDigest, 'hex'),
  };
}

export function readGap(message: PolicyGapMessage): PolicyGap {
  return {
    policyVersion: message.policyVersion,
    reason: message.otherBundle ? 'other-bundle' : 'refused',
    policyBundleDigest: Buffer.from(message.policyBundleDigest).toString('hex'),
    bundleDigest: Buffer.from(message.bundleDigest).toString('hex'),
    bundleName: message.bundleName,
    error: message.error,
    devices: message.devices,
    names: message.names,
  };
}

type DriftInit = NonNullable<NonNullable<GroupStatusInit['decision']>['drift']>;

function writeDrift(drift: Drift): DriftInit {
  const { kind, ...rest } = drift;
  return { ...rest, byAudits: kind === 'agreement' };
}

function readDrift(message: DriftInit): Drift {
  const samples = message.samples ?? 0;
  return message.byAudits
    ? { kind: 'agreement', samples, audited: message.audited ?? 0, disagreed: message.disagreed ?? 0 }
    : { kind: 'confidence', samples, distance: message.distance ?? 0 };
}
