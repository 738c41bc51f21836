import type { Answer } from './agent-client.js';
import { kinds } from './signal.js';

/** What came of the windows of one kind, or of all. */
export interface Outcome {
  name: string;
  windows: number;
  /** Answered with the kind that it is. */
  right: number;
  /** Answered as the whole model does. */
  agreeing: number;
  /** Sent to the worker. */
  offloaded: number;
  degraded: number;
}

export interface AnsweredWindow {
  label: number;
  wholeModel: number;
  answer: Answer;
}

/** One outcome per kind, and that of all. */
export function summarise(windows: readonly AnsweredWindow[]): Outcome[] {
  const of = (name: string, part: readonly AnsweredWindow[]): Outcome => {
    const count = (is: (window: AnsweredWindow) => boolean) => part.filter(is).length;
    return {
      ...{ name, windows: part.length },
      right: count(({ label, answer }) => answer.labelIndex === label),
      agreeing: count(({ wholeModel, answer }) => answer.labelIndex === wholeModel),
      offloaded: count(({ answer }) => answer.offloaded),
      degraded: count(({ answer }) => answer.degraded),
    };
  };
  return [
    ...kinds.map((kind, i) =>
      of(
        kind,
        windows.filter(({ label }) => label === i),
      ),
    ),
    of('all', windows),
  ];
}

/** A table, one line per outcome. */
export function renderOutcomes(outcomes: readonly Outcome[]): string {
  const share = (part: number, whole: number) => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
  const rows = [
    ['', 'windows', 'right', 'as the whole model', 'sent to the worker'],
    ...outcomes.map(({ name, windows, right, agreeing, offloaded }) => [
      name,
      String(windows),
      ...[right, agreeing, offloaded].map((part) => share(part, windows)),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map(([name = '', ...cells]) =>
      [name.padEnd(widths[0] ?? 0), ...cells.map((cell, i) => cell.padStart(widths[i + 1] ?? 0))].join('  '),
    )
    .map((line) => `${line}\n`)
    .join('');
}
