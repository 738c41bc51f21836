import { meanOf, sharesAt, type TableOutcomes } from '../candidates/table-outcomes.js';
import type { ThresholdPath } from '../candidates/threshold-path.js';
import { auditUpperBound, certifiedByAudits, certifiedByTable, tableUpperBound } from '../proof/certify.js';
import type { TunerInputs } from './tuner-inputs.js';
import type { TunerState } from './tuner-state.js';
import type { TuningFacts } from './tuning-decision.js';

/**
 * Error probabilities of a proof by the table, and by audits at all times together. Their sum is less than 0.05. After each
 * drift audits alone prove, and there may be many drifts.
 */
const tableDelta = 0.04;
const auditDelta = 0.005;

/** @param proofs the table must prove a candidate by each of these */
export function certify(
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

/** The facts about a candidate. */
export function factsOf(
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
    // A candidate certified by audits stays certified, although later audits may widen the current bound.
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

/** Combines table and audits, weighted by their numbers of samples. */
function estimatedDisagreement(state: TunerState, outcomes: TableOutcomes, candidate: number): number {
  let worth = state.tableTrusted ? (outcomes.effectiveSamples[candidate] as number) : 0;
  let disagreed = worth * (outcomes.disagreement[candidate] as number);
  for (const tally of state.tallies) {
    worth += tally.recordRate * tally.samples;
    disagreed += tally.disagreed[candidate] as number;
  }
  return worth === 0 ? (outcomes.disagreement[candidate] as number) : disagreed / worth;
}
