import { sameThresholds, type ThresholdPath } from '../candidates/threshold-path.js';
import { maxDriftWindows, sumCounts } from '../drift/confidence-drift.js';
import { type AgreementWatch, newAgreementWatch, watchAgreement } from '../proof/agreement-watch.js';
import type { AuditTally } from '../proof/betting.js';
import type { CandidateTally } from '../proof/certify.js';
import { answeredSamples, recordRate, type WindowEvidence } from './evidence.js';

/** Observations under one policy since the input distribution last shifted. */
export interface ObservedPolicy {
  thresholds: number[];
  /** Per exit, the final one last. */
  left: number[];
  /** Per branch, samples that reached it, one count a bin. */
  histograms: number[][];
  offloaded: number;
  /** Offloaded samples without an answer from the cloud. */
  degraded: number;
}

/**
 * The tuner's knowledge of a group since the input distribution last shifted. A plain value, stored as JSON. It contains
 * everything that the tuner remembers from earlier windows.
 */
export interface TunerState {
  /** Whether held-out samples still represent current traffic. */
  tableTrusted: boolean;
  /** Samples since the input distribution last shifted, and since thresholds last changed. */
  samples: number;
  samplesSinceChange: number;
  /** The cheapest candidate that audits have certified. It stays certified until the input distribution shifts. */
  certifiedByAudits: number;
  /** The cheapest candidate certified by table or audits when the newest policy was chosen. */
  certified: number;
  tallies: CandidateTally[];
  /** Newest last. */
  observed: ObservedPolicy[];
  /** First branch's confidences of windows before `windows`. */
  baseline: number[];
  /** The same of each window, oldest first. */
  windows: number[][];
  watch: AgreementWatch;
  /** Share of samples that the workers' capacity allows; 1: all. */
  offloadLimit: number;
}

const maxObserved = 4;
const maxTallies = 16;
/** Beyond this many samples older confidences decay, so that slow changes are followed. */
const maxObservedSamples = 50_000;

export function newTunerState(tableTrusted: boolean): TunerState {
  return {
    tableTrusted,
    samples: 0,
    samplesSinceChange: 0,
    certifiedByAudits: 0,
    certified: 0,
    tallies: [],
    observed: [],
    baseline: [],
    windows: [],
    watch: newAgreementWatch,
    offloadLimit: 1,
  };
}

/**
 * Adds a window's evidence, which may cover several policies, because devices switch at different times.
 * @param level the share of disagreement that the goal allows; `null`: there is no such goal
 */
export function addEvidence(
  state: TunerState,
  path: ThresholdPath,
  level: number | null,
  evidence: readonly WindowEvidence[],
): TunerState {
  const some = evidence.filter((policy) => answeredSamples(policy) > 0);
  const samples = some.reduce((sum, policy) => sum + answeredSamples(policy), 0);
  if (samples === 0) return state;
  const windows = [...state.windows, sumCounts(some.map(({ exits }) => exits[0]?.histogram ?? []))];
  const old = windows.length > maxDriftWindows ? windows.shift() : undefined;
  return {
    ...state,
    samples: state.samples + samples,
    samplesSinceChange: state.samplesSinceChange + samples,
    tallies: some.reduce((tallies, policy) => addTally(tallies, path, policy), state.tallies),
    observed: some.reduce(addObserved, state.observed),
    windows,
    baseline: old ? sumCounts([state.baseline, old]) : state.baseline,
    watch:
      level === null ? state.watch : watchAgreement(state.watch, auditsOfProven(state, path, some), level),
  };
}

/** Audits test the goal only under policies no cheaper than the certified candidate. */
function auditsOfProven(
  state: TunerState,
  path: ThresholdPath,
  evidence: readonly WindowEvidence[],
): AuditTally[] {
  const audits: AuditTally[] = [];
  for (const policy of evidence) {
    const rate = recordRate(policy);
    const proven = path.has(policy.thresholds) && path.positionOf(policy.thresholds) <= state.certified;
    if (rate <= 0 || !proven) continue;
    const disagreed = policy.records.filter(
      ({ exits, leftAt }) => leftAt < exits.length && !exits[leftAt]?.agreed,
    ).length;
    audits.push({ recordRate: rate, samples: answeredSamples(policy), disagreed });
  }
  return audits;
}

function addTally(tallies: CandidateTally[], path: ThresholdPath, policy: WindowEvidence): CandidateTally[] {
  const rate = recordRate(policy);
  if (rate <= 0) return tallies;
  const disagreed = new Array<number>(path.candidates).fill(0);
  for (const { exits } of policy.records) {
    let to = path.candidates;
    path.opensOf(exits.map(({ bin }) => bin)).forEach((from, branch) => {
      for (let candidate = from; candidate < to && !exits[branch]?.agreed; candidate++) {
        disagreed[candidate] = (disagreed[candidate] as number) + 1;
      }
      to = from;
    });
  }
  const added = {
    recordRate: rate,
    samples: answeredSamples(policy),
    records: policy.records.length,
    disagreed,
  };
  return joinTallies([...tallies, added]);
}

/** Merges tallies of the same rate. Of too many, the two smallest are merged with the lower rate, which is conservative. */
function joinTallies(tallies: CandidateTally[]): CandidateTally[] {
  const joined: CandidateTally[] = [];
  for (const tally of tallies) {
    const same = joined.findIndex(({ recordRate: rate }) => Math.abs(rate - tally.recordRate) < 1e-9);
    if (same < 0) joined.push(tally);
    else joined[same] = sumTallies(joined[same] as CandidateTally, tally);
  }
  if (joined.length <= maxTallies) return joined;
  const [first, second, ...others] = joined.sort((a, b) => a.samples - b.samples) as [
    CandidateTally,
    CandidateTally,
    ...CandidateTally[],
  ];
  return [...others, sumTallies(first, second)];
}

function sumTallies(a: CandidateTally, b: CandidateTally): CandidateTally {
  return {
    recordRate: Math.min(a.recordRate, b.recordRate),
    samples: a.samples + b.samples,
    records: a.records + b.records,
    disagreed: sumCounts([a.disagreed, b.disagreed]),
  };
}

function addObserved(observed: ObservedPolicy[], policy: WindowEvidence): ObservedPolicy[] {
  const same = (other: ObservedPolicy) => sameThresholds(other.thresholds, policy.thresholds);
  const before = observed.find(same);
  const fade = before && answeredSamples(before) > maxObservedSamples ? 0.5 : 1;
  const faded = (counts: readonly number[] | undefined) => (counts ?? []).map((count) => count * fade);
  const sum: ObservedPolicy = {
    thresholds: [...policy.thresholds],
    left: sumCounts([faded(before?.left), policy.left]),
    histograms: policy.exits.map(({ histogram }, branch) =>
      sumCounts([faded(before?.histograms[branch]), histogram]),
    ),
    offloaded: (before?.offloaded ?? 0) * fade + policy.offloaded,
    degraded: (before?.degraded ?? 0) * fade + policy.degraded,
  };
  return [...observed.filter((other) => !same(other)), sum].slice(-maxObserved);
}
