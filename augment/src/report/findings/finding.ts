import type { ReportFacts } from '../report.js';

/** Every finding there is, by the failure that it names. */
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
  | 'dear'
  | 'transfer'
  | 'time'
  | 'healthy';

/**
 * - `problem`: the bundle does not do here what it promises, or wastes what it should save;
 * - `hint`: something that could be better, or could not be decided;
 * - `good`: what was checked and holds.
 */
export type FindingGrade = 'problem' | 'hint' | 'good';

export interface Finding {
  kind: FindingKind;
  grade: FindingGrade;
  /** The branch that it is about, if it is about one. */
  exit: number | null;
  /** One sentence. */
  title: string;
  /** The numbers that show it, with their names. */
  evidence: [name: string, value: string][];
  /** What to try, most promising first; empty where there is nothing to do. */
  advice: string[];
}

/** Looks for one failure. */
export type Check = (facts: ReportFacts) => Finding[];
