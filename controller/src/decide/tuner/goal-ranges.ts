import { meanOf, sharesAt, type TableOutcomes } from '../candidates/table-outcomes.js';
import type { ThresholdPath } from '../candidates/threshold-path.js';
import { type CandidateRange, type Ceiling, ceilingOf } from '../model/goals.js';
import { answeredSamples } from './evidence.js';
import type { TunerInputs } from './tuner-inputs.js';
import type { TunerState } from './tuner-state.js';

/** Hysteresis: thresholds in force may exceed a ceiling by this share, and safer ones must stay below it by the same share. */
const ceilingSlack = 0.03;
/** Number of samples at which the observed value counts as much as the predicted one. */
const doubtSamples = 500;

/** Per goal, the candidates that meet it. @param position of the thresholds in force */
export function rangesOf(
  { path, goals, facts }: TunerInputs,
  state: TunerState,
  outcomes: TableOutcomes,
  position: number,
): CandidateRange[] {
  const last = path.candidates - 1;
  const within = (goal: CandidateRange['goal'], ceiling: Ceiling): CandidateRange => ({
    goal,
    first: firstWithin(
      ceiling,
      outcomes,
      position,
      seenOverPredicted(ceiling.perExit, path, state, outcomes),
    ),
    last,
  });
  const ranges = goals.map((goal) =>
    goal.kind === 'agreement'
      ? { goal, first: 0, last: state.certified }
      : within(goal, ceilingOf(goal, facts)),
  );
  // The workers' capacity limits offloads, regardless of goals.
  return state.offloadLimit < 1
    ? [within('workers', { perExit: facts.inCloud, limit: state.offloadLimit }), ...ranges]
    : ranges;
}

/** The observed cost compared with the predicted cost of the same thresholds. */
interface Seen {
  /** Observed over predicted cost, close to 1 with few samples. */
  overPredicted: number;
  /** Number of samples that the estimate is worth. */
  samples: number;
}

function seenOverPredicted(
  perExit: readonly number[],
  path: ThresholdPath,
  { observed }: TunerState,
  outcomes: TableOutcomes,
): Seen {
  let samples = 0;
  let seen = 0;
  let predicted = 0;
  for (const policy of observed.filter(({ thresholds }) => path.has(thresholds))) {
    const count = answeredSamples(policy) + policy.degraded;
    samples += count;
    // How far degraded samples would have run is unknown; assume to the end.
    seen += meanOf(perExit, policy.left) + policy.degraded * (perExit.at(-1) as number);
    predicted += count * meanOf(perExit, sharesAt(outcomes, path.positionOf(policy.thresholds)));
  }
  const mean = samples === 0 ? 0 : predicted / samples;
  return {
    overPredicted: mean === 0 ? 1 : (seen + doubtSamples * mean) / (predicted + doubtSamples * mean),
    samples: samples + doubtSamples,
  };
}

/** The safest candidate that keeps a ceiling with a margin of one standard error. */
function firstWithin(
  { perExit, limit }: Ceiling,
  outcomes: TableOutcomes,
  position: number,
  { overPredicted, samples }: Seen,
): number {
  const squares = perExit.map((each) => each * each);
  const candidates = outcomes.disagreement.length;
  for (let candidate = 0; candidate < candidates; candidate++) {
    const room = candidate === position ? ceilingSlack : candidate < position ? -ceilingSlack : 0;
    const shares = sharesAt(outcomes, candidate);
    const mean = meanOf(perExit, shares);
    const error = Math.sqrt(Math.max(0, meanOf(squares, shares) - mean * mean) / samples);
    if (mean * overPredicted + error <= limit * (1 + room)) return candidate;
  }
  return candidates;
}
