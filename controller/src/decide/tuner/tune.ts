import { type ObservedConfidences, reweight } from '../candidates/reweight.js';
import { tableOutcomes } from '../candidates/table-outcomes.js';
import { sameThresholds, type ThresholdPath } from '../candidates/threshold-path.js';
import { findConfidenceDrift } from '../drift/confidence-drift.js';
import { overdispersion } from '../drift/overdispersion.js';
import { allowedDisagreement, chooseCandidate } from '../model/goals.js';
import { provesViolation } from '../proof/agreement-watch.js';
import { auditRate, type Certainty } from './audit-rate.js';
import { answeredSamples, type WindowEvidence } from './evidence.js';
import { rangesOf } from './goal-ranges.js';
import { nextCandidate } from './next-candidate.js';
import type { TunerInputs } from './tuner-inputs.js';
import { addEvidence, newTunerState, type TunerState } from './tuner-state.js';
import type { Drift, TuningDecision } from './tuning-decision.js';
import { certify, factsOf } from './tuning-facts.js';
import { nextOffloadLimit } from './worker-load.js';

/** With fewer records the table's proof has hardly been tested on current traffic. */
const settlingRecords = 40;
const uncertainRecords = 1_000;

/**
 * Chooses a group's thresholds from its state and a window of evidence.
 *
 * A cheaper candidate is taken only when it is proven: by the calibration table, re-weighted to current confidences, as long
 * as no drift is found; or by audits of current traffic. Falls are bounded and wait for evidence; rises are immediate and
 * unbounded. After a drift only later audits count.
 */
export function tune(
  inputs: TunerInputs,
  before: TunerState,
  evidence: readonly WindowEvidence[],
): { state: TunerState; decision: TuningDecision } {
  const { path, goals, policy } = inputs;
  const level = allowedDisagreement(goals);
  let state = addEvidence(before, path, level, evidence);
  const drift = findDrift(state);
  if (drift) state = { ...newTunerState(false), offloadLimit: state.offloadLimit };
  state = { ...state, offloadLimit: offloadLimitOf(inputs, state, evidence) };

  const { likely, certain } = reweight(inputs.table, observedConfidences(state, path));
  const outcomes = tableOutcomes(inputs.table, likely);
  const proofs = likely === certain ? [outcomes] : [outcomes, tableOutcomes(inputs.table, certain)];
  const position = path.positionOf(policy.thresholds);
  if (level !== null) state = certify(state, path, proofs, level);
  const ranges = rangesOf(inputs, state, outcomes, position);
  const choice = chooseCandidate(ranges, path.candidates);
  const { next, reason } = nextCandidate(inputs, state, outcomes, position, choice.candidate, drift !== null);

  const newThresholds = reason !== 'no-goal' && !sameThresholds(path.thresholdsAt(next), policy.thresholds);
  const thresholds = newThresholds ? path.thresholdsAt(next) : [...policy.thresholds];
  const leavingEarly = 1 - (outcomes.exitShares.at(-1)?.[next] as number);
  const certainty = certaintyOf(state, level);
  const wantedRate = auditRate(certainty, leavingEarly);
  // The rate follows thresholds. Without new thresholds, only a large change of the rate is applied.
  const keepRate = !newThresholds && Math.abs(wantedRate - policy.auditRate) < 0.25 * policy.auditRate;
  const rate = keepRate ? policy.auditRate : wantedRate;
  if (newThresholds) state = { ...state, samplesSinceChange: 0 };
  return {
    state,
    decision: {
      thresholds,
      auditRate: rate,
      changed: newThresholds || rate !== policy.auditRate,
      reason: newThresholds && next === position && reason !== 'drift' ? 'aligned' : reason,
      choice,
      target: choice.candidate,
      position: next,
      certainty,
      drift,
      tableTrusted: state.tableTrusted,
      facts: factsOf(inputs, state, { outcomes, proofs }, next),
    },
  };
}

/** Observed confidences; dependent samples count by their effective number. */
function observedConfidences({ observed, windows }: TunerState, path: ThresholdPath): ObservedConfidences[] {
  const samplesPerFact = overdispersion([windows]);
  return observed.map(({ thresholds, histograms }) => ({
    cuts: path.cutsOf(thresholds),
    histograms: histograms.map((counts) => counts.map((count) => count / samplesPerFact)),
  }));
}

function findDrift({ watch, baseline, windows }: TunerState): Drift | null {
  if (!provesViolation(watch)) return findConfidenceDrift(baseline, windows);
  const { samples, audited, disagreed } = watch;
  return { kind: 'agreement', samples, audited, disagreed };
}

function offloadLimitOf(
  { workerUtilisation }: TunerInputs,
  { offloadLimit }: TunerState,
  evidence: readonly WindowEvidence[],
): number {
  const samples = evidence.reduce((sum, policy) => sum + answeredSamples(policy) + policy.degraded, 0);
  if (workerUtilisation === null || samples === 0) return offloadLimit;
  const offloaded = evidence.reduce((sum, policy) => sum + policy.offloaded, 0);
  return nextOffloadLimit(offloadLimit, workerUtilisation, offloaded / samples);
}

function certaintyOf(state: TunerState, level: number | null): Certainty {
  if (level === null) return 'steady';
  if (state.watch.doubted) return 'uncertain';
  const records = state.tallies.reduce((sum, tally) => sum + tally.records, 0);
  if (state.tableTrusted) return records < settlingRecords ? 'settling' : 'steady';
  return records < uncertainRecords ? 'uncertain' : 'steady';
}
