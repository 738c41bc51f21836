import { type AuditTally, logGain, logMean, worse } from './betting.js';

/** Accumulated evidence of audits that the agreement goal is missed. A plain value. */
export interface AgreementWatch {
  /** Per assumed share of disagreement, the logarithm of the capital of the bet started at the best moment. */
  logCapitals: number[];
  samples: number;
  audited: number;
  disagreed: number;
  /** Whether more audits should be taken. */
  doubted: boolean;
}

export const newAgreementWatch: AgreementWatch = {
  logCapitals: worse.map(() => 0),
  samples: 0,
  audited: 0,
  disagreed: 0,
  doubted: false,
};

/** Capital that proves a violation. Exactly at the goal, a false alarm occurs at most once in 3,000 windows; elsewhere more rarely. */
const alarmLogCapital = Math.log(3_000);
/** Doubt starts at the higher odds and ends at the lower ones. The hysteresis avoids frequent changes. */
const doubtLogCapital = Math.log(15);
const restLogCapital = Math.log(2.25);

/**
 * Adds a window. A losing bet restarts, so that a violation is found however long the goal was met before: CUSUM of
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
