import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.js';
import { binTable } from './binned-table.js';
import { reweight } from './reweight.js';
import { tableOutcomes } from './table-outcomes.js';
import { ThresholdPath } from './threshold-path.js';

const edges = [0.2, 0.4, 0.6, 0.8];
const path = new ThresholdPath(2, edges);
const binOf = (confidence: number) => edges.filter((edge) => confidence >= edge).length;

/** Samples that agree as often as they are confident. The second branch is more confident; a share `hard` of samples is hard. */
function sampleTable(samples: number, seed: number, hard: number) {
  const random = seededRandom(seed);
  const rows = Array.from({ length: samples }, () => {
    const first = random() < hard ? 0.5 * random() : 0.5 + 0.5 * random();
    const second = 0.3 + 0.7 * random();
    return { first, second, a: random() < first, b: random() < second };
  });
  return {
    samples,
    branches: [
      { confidence: rows.map((row) => row.first), agrees: rows.map((row) => Number(row.a)).join('') },
      { confidence: rows.map((row) => row.second), agrees: rows.map((row) => Number(row.b)).join('') },
    ],
    correct: null,
  };
}

const table = binTable(sampleTable(4_000, 1, 0.3), path, binOf);
const even = new Float64Array(table.samples).fill(1);

describe('tableOutcomes', () => {
  it('evaluates every candidate on the table', () => {
    const { disagreement, exitShares, effectiveSamples } = tableOutcomes(table, even);
    expect(effectiveSamples[0]).toBeCloseTo(4_000);
    expect(effectiveSamples.at(-1)).toBeCloseTo(4_000);
    expect(disagreement[0]).toBe(0);
    expect(exitShares.map((shares) => shares[0])).toEqual([0, 0, expect.closeTo(1)]);
    const last = path.candidates - 1;
    expect(exitShares[0]?.[last]).toBeCloseTo(1);
    // All samples exit at the first branch, which is wrong as often as it is unsure: 0.3 · 0.75 + 0.7 · 0.25.
    expect(disagreement[last]).toBeCloseTo(0.4, 1);
  });

  it('counts samples that disagree at the end, behind a codec with losses', () => {
    const losing = { ...sampleTable(4_000, 1, 0.3), finalAgrees: '1000'.repeat(1_000) };
    const { disagreement, exitShares } = tableOutcomes(binTable(losing, path, binOf), even);
    const exact = tableOutcomes(table, even);
    expect(disagreement[0]).toBeCloseTo(0.75);
    const middle = Math.floor(path.candidates / 2);
    const added = (disagreement[middle] as number) - (exact.disagreement[middle] as number);
    expect(added / (exitShares.at(-1)?.[middle] as number)).toBeCloseTo(0.75, 1);
    expect(disagreement.at(-1)).toBeCloseTo(exact.disagreement.at(-1) as number);
  });

  it('counts a sample of double weight twice, and lowers the effective size if few samples decide', () => {
    const bits = (odd: string, even: string) =>
      Array.from({ length: 1_000 }, (_, i) => (i % 2 ? odd : even)).join('');
    const unevenly = Float64Array.from({ length: 1_000 }, (_, i) => (i % 2 ? 4 : 1));
    const of = (agrees: string) =>
      tableOutcomes(
        binTable(
          {
            samples: 1_000,
            branches: [{ confidence: new Array<number>(1_000).fill(0.9), agrees }],
            correct: null,
          },
          new ThresholdPath(1, edges),
          binOf,
        ),
        unevenly,
      );
    const heavy = of(bits('0', '1'));
    const light = of(bits('1', '0'));
    expect(heavy.disagreement.at(-1)).toBeCloseTo(4 / 5);
    expect(light.disagreement.at(-1)).toBeCloseTo(1 / 5);
    expect(heavy.effectiveSamples.at(-1)).toBeLessThan(650);
    expect(light.effectiveSamples.at(-1)).toBe(1_000);
  });
});

describe('reweight', () => {
  it('keeps weights if nothing was observed, or if observations match the table', () => {
    expect([...new Set(reweight(table, []).likely)]).toEqual([1]);
    const histogram = edges
      .concat(1)
      .map((_, bin) => table.bins[0]?.filter((b) => b === bin).length as number);
    const { likely } = reweight(table, [{ cuts: [5, 5], histograms: [histogram, [0, 0, 0, 0, 0]] }]);
    expect([...new Set(likely)]).toEqual([1]);
  });

  it('keeps weights if observations differ only by noise', () => {
    for (let seed = 10; seed < 20; seed++) {
      const today = binTable(sampleTable(5_000, seed, 0.3), path, binOf);
      const cuts = [5, 5];
      const histograms = today.bins.map((bins) =>
        [0, 1, 2, 3, 4].map((bin) => bins.filter((b) => b === bin).length),
      );
      const { likely, certain } = reweight(table, [{ cuts, histograms }]);
      expect([...new Set(likely)]).toEqual([1]);
      expect(certain).toBe(likely);
    }
  });

  it('predicts the effect of other thresholds on harder traffic from confidences alone', () => {
    const today = binTable(sampleTable(20_000, 2, 0.7), path, binOf);
    const truth = tableOutcomes(today, new Float64Array(today.samples).fill(1));
    const cuts = [3, 4];
    const histograms = [0, 1].map((branch) => {
      const counts = [0, 0, 0, 0, 0];
      for (let i = 0; i < today.samples; i++) {
        if (branch === 1 && (today.bins[0]?.[i] as number) >= (cuts[0] as number)) continue;
        const bin = today.bins[branch]?.[i] as number;
        counts[bin] = (counts[bin] as number) + 1;
      }
      return counts;
    });
    const told = tableOutcomes(table, reweight(table, [{ cuts, histograms }]).certain);
    const untold = tableOutcomes(table, even);
    const off = (outcomes: typeof told) =>
      Math.max(
        ...truth.disagreement.map((share, candidate) =>
          Math.abs(share - (outcomes.disagreement[candidate] as number)),
        ),
      );
    expect(off(untold)).toBeGreaterThan(0.1);
    expect(off(told)).toBeLessThan(0.03);
    expect(Math.min(...told.effectiveSamples)).toBeLessThan(4_000);
  });

  it('separates likely from certain weights', () => {
    const histogramOf = (hard: number) => {
      const bins = binTable(sampleTable(2_000, 3, hard), path, binOf).bins[0] as Uint8Array;
      return [0, 1, 2, 3, 4].map((bin) => bins.filter((b) => b === bin).length);
    };
    const nothing = [0, 0, 0, 0, 0];
    const of = (hard: number) =>
      reweight(table, [{ cuts: [0, 5], histograms: [histogramOf(hard), nothing] }]);
    const moved = Array.from({ length: 20 }, (_, i) => of(0.3 + 0.01 * i));
    const likely = moved.findIndex((weights) => weights.likely.some((weight) => weight !== 1));
    const certain = moved.findIndex((weights) => weights.certain.some((weight) => weight !== 1));
    expect(likely).toBeGreaterThan(0);
    expect(certain).toBeGreaterThan(likely);
  });

  it('combines observations under several policies', () => {
    const today = binTable(sampleTable(8_000, 4, 0.3), path, binOf);
    // The second branch is as in the table, although the two policies pass very different samples on to it.
    const seenUnder = (cut: number, from: number) => {
      const samples = Array.from({ length: 4_000 }, (_, i) => from + i);
      const histogram = (branch: number, of: number[]) =>
        [0, 1, 2, 3, 4].map((bin) => of.filter((i) => today.bins[branch]?.[i] === bin).length);
      const staying = samples.filter((i) => (today.bins[0]?.[i] as number) < cut);
      return { cuts: [cut, 5], histograms: [histogram(0, samples), histogram(1, staying)] };
    };
    const { likely } = reweight(table, [seenUnder(5, 0), seenUnder(1, 4_000)]);
    expect([...new Set(likely)]).toEqual([1]);
  });
});
