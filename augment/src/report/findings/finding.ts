import type { ReportFacts } from '../report-facts.js';

/** All findings, by the failure that they name. */
export type FindingKind =
  | 'guarantee'
  | 'few-early-exits'
  | 'slack'
  | 'overconfident'
  | 'concentrated'
  | 'indistinct'
  | 'weak'
  | 'redundant'
  | 'unused'
  | 'net-negative-exit'
  | 'transfer'
  | 'time'
  | 'healthy';

/**
 * - `problem`: the bundle misses its guarantee here, or wastes what it should save;
 * - `hint`: a possible improvement, or an undecided check;
 * - `good`: a check that holds.
 */
export type FindingGrade = 'problem' | 'hint' | 'good';

export interface Finding {
  kind: FindingKind;
  grade: FindingGrade;
  /** The branch that it concerns, if any. */
  exit: number | null;
  /** One sentence. */
  title: string;
  /** The numbers that show it, with their names. */
  evidence: [name: string, value: string][];
  /** What to try, most promising first; empty if there is nothing to do. */
  advice: string[];
}

/** Checks for one failure. */
export type Check = (facts: ReportFacts) => Finding[];
