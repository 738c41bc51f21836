import { type AuditTally, logGain, logMean, worse } from './betting.js';

/** What audits say, since they last said nothing, against answers agreeing as the goal has it. A plain value. */
export interface AgreementWatch {
  /** Per supposed share of disagreement, logarithm of the capital of who began to bet at the best moment. */
  logCapitals: number[];
  samples: number;
  audited: number;
  disagreed: number;
  /** Whether it is worth to know more. */
  doubted: boolean;
}

export const newAgreementWatch: AgreementWatch = {
  logCapitals: worse.map(() => 0),
  samples: 0,
  audited: 0,
  disagreed: 0,
  doubted: false,
};

/** Certainty of a violation. At the goal's very edge, it is claimed once in so many windows at most; else much more rarely. */
const alarmLogCapital = Math.log(3_000);
/** Odds from which on it is worth to know more, and down to which: in between, what is done goes on, or it would change often. */
const doubtLogCapital = Math.log(15);
const restLogCapital = Math.log(2.25);

/**
 * Adds a window. A bet that has lost begins anew, so that a violation is found however long all was well before: CUSUM of
 * e-values (Shin, Ramdas & Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2023).
 * @param level the share of disagreement that the goal allows, in (0, 1)
 */
export function watchAgreement(
  watch: AgreementWatch,
  audits: readonly AuditTally[],
  level: number,
): AgreementWatch {
  const logCapitals = worse.map(
    (ratio, i) => Math.max(0, watch.logCapitals[i] as number) + logGain(audits, level, ratio),
  );
  if (Math.max(...logCapitals) <= 0) return newAgreementWatch;
  const logCapital = logMean(logCapitals);
  const sum = (of: (tally: AuditTally) => number) => audits.reduce((total, tally) => total + of(tally), 0);
  return {
    logCapitals,
    samples: watch.samples + sum(({ samples }) => samples),
    audited: watch.audited + sum(({ samples, recordRate }) => samples * recordRate),
    disagreed: watch.disagreed + sum(({ disagreed }) => disagreed),
    doubted: logCapital >= (watch.doubted ? restLogCapital : doubtLogCapital),
  };
}

export function provesViolation({ logCapitals }: AgreementWatch): boolean {
  return logMean(logCapitals) >= alarmLogCapital;
}
