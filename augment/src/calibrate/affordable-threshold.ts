import type { CalibrationTable } from '@offramp/bundle';
import { type Move, movesOf } from './moves.js';

/**
 * The highest threshold for all branches at which the expected cost stays within `cost` with probability 1 − `delta`:
 * fixed-sequence testing, from the cheapest threshold up, with the empirical Bernstein bound (A. Maurer, M. Pontil,
 * Empirical Bernstein bounds and sample-variance penalization, 2009, arXiv 0907.3740, theorem 4).
 * @param exitCosts rising; the final exit last
 * @returns `null` if even the cheapest does not pass
 */
export function highestAffordableThreshold(
  table: CalibrationTable,
  exitCosts: readonly number[],
  cost: number,
  delta: number,
): number | null {
  const { samples } = table;
  const last = exitCosts.at(-1) as number;
  const range = last - (exitCosts[0] as number);
  const moves = movesOf(table);
  const costOf = new Float64Array(samples).fill(last);
  let sum = samples * last;
  let squares = samples * last * last;
  const isAffordable = () => {
    const mean = sum / samples;
    const variance = Math.max(0, squares - samples * mean * mean) / Math.max(1, samples - 1);
    const log = Math.log(2 / delta);
    const margin =
      Math.sqrt((2 * variance * log) / samples) + (7 * range * log) / (3 * Math.max(1, samples - 1));
    return mean + margin <= cost;
  };
  const steps: { threshold: number; affordable: boolean }[] = [];
  for (let i = 0; i < moves.length; ) {
    const { confidence } = moves[i] as Move;
    for (; moves[i]?.confidence === confidence; i++) {
      const { sample, exit } = moves[i] as Move;
      const [before, now] = [costOf[sample] as number, exitCosts[exit] as number];
      sum += now - before;
      squares += now * now - before * before;
      costOf[sample] = now;
    }
    steps.push({ threshold: confidence, affordable: isAffordable() });
  }
  const unaffordable = steps.findLastIndex(({ affordable }) => !affordable);
  return steps[unaffordable + 1]?.threshold ?? null;
}
