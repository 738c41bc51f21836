import { interval } from './binomial-interval.js';
import type { Judgement } from './play-cascade.js';

export interface HistogramBin {
  /** Confidences from here … */
  from: number;
  /** … to below here; the last bin includes 1. */
  to: number;
  agree: number;
  disagree: number;
}

export interface ReliabilityBin {
  samples: number;
  /** Mean confidence of the bin's samples. */
  confidence: number;
  /** Share of them on which the branch agrees with the backbone. */
  agreement: number;
  /** 95 % Clopper-Pearson interval of that share. */
  interval: [low: number, high: number];
}

/** Counts over equally wide bins of confidence. */
export function histogram(judgements: readonly Judgement[], bins: number): HistogramBin[] {
  const counted = Array.from({ length: bins }, (_, i) => ({
    from: i / bins,
    to: (i + 1) / bins,
    agree: 0,
    disagree: 0,
  }));
  for (const { confidence, agrees } of judgements) {
    const bin = counted[binOf(confidence, bins)];
    if (bin) bin[agrees ? 'agree' : 'disagree']++;
  }
  return counted;
}

/** Stated against observed, over equally wide bins of confidence; bins without samples are left out. */
export function reliability(judgements: readonly Judgement[], bins: number): ReliabilityBin[] {
  const groups = Array.from({ length: bins }, (): Judgement[] => []);
  for (const judgement of judgements) groups[binOf(judgement.confidence, bins)]?.push(judgement);
  return groups.flatMap((group) => {
    if (group.length === 0) return [];
    const agreeing = group.filter(({ agrees }) => agrees).length;
    return [
      {
        samples: group.length,
        confidence: meanConfidence(group),
        agreement: agreeing / group.length,
        interval: interval(agreeing, group.length),
      },
    ];
  });
}

/**
 * Expected calibration error: the mean distance of stated from observed over the bins, weighted by their
 * samples (Naeini et al., AAAI 2015). 0 without samples.
 */
export function expectedCalibrationError(bins: readonly ReliabilityBin[]): number {
  const samples = bins.reduce((sum, bin) => sum + bin.samples, 0);
  if (samples === 0) return 0;
  return bins.reduce(
    (sum, bin) => sum + (bin.samples / samples) * Math.abs(bin.confidence - bin.agreement),
    0,
  );
}

/**
 * How well confidence separates agreement from disagreement: the probability that a sample on which the branch
 * agrees has the higher confidence of a pair (area under the ROC curve; ties count half). 0.5 is chance;
 * `null` if all agree or none does.
 */
export function discrimination(judgements: readonly Judgement[]): number | null {
  const sorted = [...judgements].sort((a, b) => a.confidence - b.confidence);
  const agreeing = sorted.filter(({ agrees }) => agrees).length;
  const disagreeing = sorted.length - agreeing;
  if (agreeing === 0 || disagreeing === 0) return null;
  let rankSum = 0;
  for (let start = 0; start < sorted.length; ) {
    let end = start;
    while (end < sorted.length && sorted[end]?.confidence === sorted[start]?.confidence) end++;
    const rank = (start + 1 + end) / 2;
    for (let i = start; i < end; i++) if (sorted[i]?.agrees) rankSum += rank;
    start = end;
  }
  return (rankSum - (agreeing * (agreeing + 1)) / 2) / (agreeing * disagreeing);
}

/** 0 without samples. */
export function meanConfidence(judgements: readonly Judgement[]): number {
  return judgements.length === 0
    ? 0
    : judgements.reduce((sum, { confidence }) => sum + confidence, 0) / judgements.length;
}

const binOf = (confidence: number, bins: number) => Math.min(bins - 1, Math.floor(confidence * bins));
