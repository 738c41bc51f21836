import { provesViolation } from './agreement-watch.js';
import { auditRate, type Certainty } from './audit-rate.js';
import type { BinnedTable } from './binned-table.js';
import { auditUpperBound, certifiedByAudits, certifiedByTable, tableUpperBound } from './certify.js';
import { type ConfidenceDrift, findConfidenceDrift } from './confidence-drift.js';
import { answeredSamples, type WindowEvidence } from './evidence.js';
import {
  type CandidateRange,
  type Ceiling,
  type Choice,
  ceilingOf,
  chooseCandidate,
  type ExitFacts,
  type Goal,
} from './goals.js';
import { overdispersion } from './overdispersion.js';
import { type ObservedConfidences, reweight } from './reweight.js';
import { type TableOutcomes, tableOutcomes } from './table-outcomes.js';
import { sameThresholds, type ThresholdPath } from './threshold-path.js';
import { addEvidence, newTunerState, type TunerState } from './tuner-state.js';
import { nextOffloadLimit } from './worker-load.js';

/** What the tuner is given for a group, beside its state and a window of evidence. */
export interface TunerInputs {
  path: ThresholdPath;
  /** The bundle's calibration table on that path. */
  table: BinnedTable;
  /** The most important one first. */
  goals: readonly Goal[];
  facts: ExitFacts;
  /** Work that comes to the workers over work that they can do; `null`: unknown. */
  workerUtilisation: number | null;
  /** The policy that devices have been given last. */
  policy: { thresholds: readonly number[]; auditRate: number };
}

/** The world has moved, or what audits say of it. */
export type Drift =
  | ConfidenceDrift
  /** More audited answers disagree than the goal allows: `disagreed` of about `audited`. */
  | { kind: 'agreement'; samples: number; audited: number; disagreed: number };

/** Why thresholds are what they are. */
export type TuningReason =
  /** No goal is set. */
  | 'no-goal'
  /** Too few samples since the last change to judge it by. */
  | 'too-little-evidence'
  /** The world has moved: thresholds are as safe as goals before agreement let them, until audits prove cheaper ones. */
  | 'drift'
  /** What was in force is not proven to meet the goal. */
  | 'not-proven'
  /** A ceiling is exceeded, and lower thresholds hold it. */
  | 'over-ceiling'
  /** Cheaper thresholds are proven. */
  | 'cheaper'
  /** Safer ones keep the ceiling, too. */
  | 'safer'
  /** Somebody set thresholds that are no candidate's; the nearest safer ones are, and evidence can speak of these. */
  | 'aligned'
  /** Others would be better by too little to be worth a change. */
  | 'good-enough';

/** What candidates are judged by, for the newest thresholds. All shares are in [0, 1]. */
export interface TuningFacts {
  /** What table, as far as it counts, and audits together foretell, and the lower bound that holds with certainty. */
  agreement: number;
  agreementBound: number;
  /** What the bound stands on. */
  provenBy: 'table' | 'audits';
  cost: number;
  offloadShare: number;
  exitShares: number[];
  samples: number;
  records: number;
  tableSamples: number;
}

export interface TuningDecision {
  thresholds: number[];
  auditRate: number;
  /** Whether devices need a new policy. */
  changed: boolean;
  reason: TuningReason;
  choice: Choice;
  /** Where goals lead to; thresholds get there in bounded steps. */
  target: number;
  position: number;
  certainty: Certainty;
  drift: Drift | null;
  tableTrusted: boolean;
  facts: TuningFacts;
}

/**
 * Chance that the goal is missed though it is held for proven: by the table, and by audits, at all times together; in all
 * less than 0.05. Audits prove alone after each drift, of which there may be many.
 */
const tableDelta = 0.04;
const auditDelta = 0.005;
/** Thresholds fall by at most so much at a time. */
const maxStepLogOdds = 3.5;
const leastSamplesToLower = 200;
/** A cheaper policy saves at least this share of the cost, or devices keep the one they have; for long, if it saves less still. */
const leastSaving = 0.02;
const leastSavingInTheEnd = 0.005;
const patienceSamples = 2_000;
/** As much more than a ceiling allows is let pass where devices are at it already, and safer thresholds must keep as much below it. */
const ceilingSlack = 0.03;
/** So few records hardly hold the table's proof against today's traffic. */
const settlingRecords = 40;
const uncertainRecords = 1_000;
/** So many samples it takes until what was seen counts as much as what was foretold. */
const doubtSamples = 500;

/**
 * From what a group's devices did in a window to the thresholds that they shall have.
 *
 * A cheaper candidate is taken only when it is proven: by the calibration table, re-weighted to today's confidences, as long
 * as nothing shows that the world has moved; or by audits of today's traffic. Falls are bounded and wait for
 * evidence; rises are neither. When the world has moved, nothing counts but what was audited since.
 */
export function tune(
  inputs: TunerInputs,
  before: TunerState,
  evidence: readonly WindowEvidence[],
): { state: TunerState; decision: TuningDecision } {
  const { path, goals, policy } = inputs;
  const floor = goals.find((goal) => goal.kind === 'agreement');
  const level = floor ? 1 - floor.floor : null;
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
  const { next, reason } = step(inputs, state, outcomes, position, choice.candidate, drift !== null);

  const newThresholds = reason !== 'no-goal' && !sameThresholds(path.thresholdsAt(next), policy.thresholds);
  const thresholds = newThresholds ? path.thresholdsAt(next) : [...policy.thresholds];
  const leavingEarly = 1 - (outcomes.exitShares.at(-1)?.[next] as number);
  const certainty = certaintyOf(state, level);
  const wantedRate = auditRate(certainty, leavingEarly);
  // The rate follows thresholds; by itself it changes only by a good deal.
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

/** Samples that depend on each other count for as many as they are worth. */
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

/** @param proofs by each of these the table has to prove a candidate */
function certify(
  state: TunerState,
  path: ThresholdPath,
  proofs: readonly TableOutcomes[],
  level: number,
): TunerState {
  const byAudits = Math.max(
    state.certifiedByAudits,
    certifiedByAudits(state.tallies, path.candidates, level, auditDelta),
  );
  const byTable = state.tableTrusted
    ? Math.min(...proofs.map((outcomes) => certifiedByTable(outcomes, level, tableDelta)))
    : 0;
  return { ...state, certifiedByAudits: byAudits, certified: Math.max(byAudits, byTable) };
}

function rangesOf(
  { path, goals, facts }: TunerInputs,
  state: TunerState,
  outcomes: TableOutcomes,
  position: number,
): CandidateRange[] {
  const last = path.candidates - 1;
  const within = (goal: CandidateRange['goal'], ceiling: Ceiling): CandidateRange => ({
    goal,
    first: firstWithin(ceiling, outcomes, position, seenOverForetold(ceiling.perExit, path, state, outcomes)),
    last,
  });
  const ranges = goals.map((goal) =>
    goal.kind === 'agreement'
      ? { goal, first: 0, last: state.certified }
      : within(goal, ceilingOf(goal, facts)),
  );
  // Work that nobody can do is not an option, whatever goals say.
  return state.offloadLimit < 1
    ? [within('workers', { perExit: facts.inCloud, limit: state.offloadLimit }), ...ranges]
    : ranges;
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

/** What was seen, against what is foretold of the same thresholds. */
interface Seen {
  /** By how much more it costs; a few samples say next to nothing. */
  overForetold: number;
  /** Samples that both say as much as. */
  samples: number;
}

function seenOverForetold(
  perExit: readonly number[],
  path: ThresholdPath,
  { observed }: TunerState,
  outcomes: TableOutcomes,
): Seen {
  let samples = 0;
  let seen = 0;
  let foretold = 0;
  for (const policy of observed.filter(({ thresholds }) => path.has(thresholds))) {
    const count = answeredSamples(policy) + policy.degraded;
    samples += count;
    // Those that the cloud did not answer would have cost as much as others there, for all that is known to the end.
    seen += meanOf(perExit, policy.left) + policy.degraded * (perExit.at(-1) as number);
    foretold += count * meanOf(perExit, sharesAt(outcomes, path.positionOf(policy.thresholds)));
  }
  const mean = samples === 0 ? 0 : foretold / samples;
  return {
    overForetold: mean === 0 ? 1 : (seen + doubtSamples * mean) / (foretold + doubtSamples * mean),
    samples: samples + doubtSamples,
  };
}

/** The safest candidate that keeps a ceiling, with a standard error to spare: what is not known yet counts against it. */
function firstWithin(
  { perExit, limit }: Ceiling,
  outcomes: TableOutcomes,
  position: number,
  { overForetold, samples }: Seen,
): number {
  const squares = perExit.map((each) => each * each);
  const candidates = outcomes.disagreement.length;
  for (let candidate = 0; candidate < candidates; candidate++) {
    const room = candidate === position ? ceilingSlack : candidate < position ? -ceilingSlack : 0;
    const shares = sharesAt(outcomes, candidate);
    const mean = meanOf(perExit, shares);
    const error = Math.sqrt(Math.max(0, meanOf(squares, shares) - mean * mean) / samples);
    if (mean * overForetold + error <= limit * (1 + room)) return candidate;
  }
  return candidates;
}

function step(
  { path, goals, facts }: TunerInputs,
  state: TunerState,
  outcomes: TableOutcomes,
  position: number,
  target: number,
  drifted: boolean,
): { next: number; reason: TuningReason } {
  if (goals.length === 0) return { next: position, reason: 'no-goal' };
  const agreement = goals.some(({ kind }) => kind === 'agreement');
  if (drifted && target < position) return { next: target, reason: 'drift' };
  if (target < position) {
    if (agreement) return { next: target, reason: 'not-proven' };
    return state.samplesSinceChange < leastSamplesToLower
      ? { next: position, reason: 'too-little-evidence' }
      : { next: target, reason: 'safer' };
  }
  if (target === position) return { next: position, reason: drifted ? 'drift' : 'good-enough' };
  // Where thresholds must fall lest a ceiling breaks, saving is not the point.
  const overCeiling = agreement ? target > state.certified : true;
  if (state.samplesSinceChange < leastSamplesToLower && !overCeiling) {
    return { next: position, reason: 'too-little-evidence' };
  }
  const savingWanted = state.samplesSinceChange < patienceSamples ? leastSaving : leastSavingInTheEnd;
  const costAt = (candidate: number) => meanOf(facts.cost, sharesAt(outcomes, candidate));
  if (!overCeiling && costAt(target) > (1 - savingWanted) * costAt(position)) {
    return { next: position, reason: 'good-enough' };
  }
  const next = path.towards(position, target, maxStepLogOdds);
  return { next, reason: overCeiling ? 'over-ceiling' : 'cheaper' };
}

function certaintyOf(state: TunerState, level: number | null): Certainty {
  if (level === null) return 'steady';
  if (state.watch.doubted) return 'uncertain';
  const records = state.tallies.reduce((sum, tally) => sum + tally.records, 0);
  if (state.tableTrusted) return records < settlingRecords ? 'settling' : 'steady';
  return records < uncertainRecords ? 'uncertain' : 'steady';
}

function factsOf(
  { facts, goals }: TunerInputs,
  state: TunerState,
  { outcomes, proofs }: { outcomes: TableOutcomes; proofs: readonly TableOutcomes[] },
  candidate: number,
): TuningFacts {
  const floor = goals.find((goal) => goal.kind === 'agreement')?.floor ?? 0;
  const byTable = state.tableTrusted
    ? Math.max(...proofs.map((proof) => tableUpperBound(proof, candidate, tableDelta)))
    : 1;
  const byAudits = candidate === 0 ? 0 : auditUpperBound(state.tallies, candidate, auditDelta);
  const exitShares = sharesAt(outcomes, candidate);
  return {
    agreement: 1 - estimatedDisagreement(state, outcomes, candidate),
    // What audits have once certified stays certified, though later ones may make the bound of the moment wider.
    agreementBound: Math.max(1 - Math.min(byTable, byAudits), candidate <= state.certified ? floor : 0),
    provenBy: byTable < byAudits ? 'table' : 'audits',
    cost: meanOf(facts.cost, exitShares),
    offloadShare: meanOf(facts.inCloud, exitShares),
    exitShares,
    samples: state.samples,
    records: state.tallies.reduce((sum, tally) => sum + tally.records, 0),
    tableSamples: outcomes.effectiveSamples[candidate] as number,
  };
}

/** Table and audits together, by how many samples each is worth. */
function estimatedDisagreement(state: TunerState, outcomes: TableOutcomes, candidate: number): number {
  let worth = state.tableTrusted ? (outcomes.effectiveSamples[candidate] as number) : 0;
  let disagreed = worth * (outcomes.disagreement[candidate] as number);
  for (const tally of state.tallies) {
    worth += tally.recordRate * tally.samples;
    disagreed += tally.disagreed[candidate] as number;
  }
  return worth === 0 ? (outcomes.disagreement[candidate] as number) : disagreed / worth;
}

function sharesAt(outcomes: TableOutcomes, candidate: number): number[] {
  return outcomes.exitShares.map((shares) => shares[candidate] as number);
}

function meanOf(perExit: readonly number[], shares: readonly number[]): number {
  return shares.reduce((sum, share, exit) => sum + share * (perExit[exit] as number), 0);
}
