/**
 * The counters of a `Window` in `proto/offramp/v1/fleet.proto`, which defines each of them. Reports, sums and the HTTP API
 * follow these fields: a new counter is a field there, one here, the line that counts, and its bound in the controller's
 * `report-bounds.ts`, which the compiler asks for. What people see of it (metrics, summaries, tables) is chosen where it
 * is shown.
 *
 * `evidenceDropped` is not one of them: it belongs to the window's evidence.
 */
export class WindowCounters {
  samples = 0;
  offloaded = 0;
  degraded = 0;
  refused = 0;
  failed = 0;
  labelled = 0;
  correct = 0;
  offloadBytes = 0;
  inputBytes = 0;
  deviceMacs = 0;
  cloudMacs = 0;
  audited = 0;
  auditsAgreed = 0;
  auditsDropped = 0;
  auditBytes = 0;
}

export type WindowCounter = keyof WindowCounters;

export const windowCounters = Object.keys(new WindowCounters()) as readonly WindowCounter[];

/** The counters of a window or a message, and nothing else of it. */
export function pickWindowCounters(of: Readonly<WindowCounters>): WindowCounters {
  const counters = new WindowCounters();
  copyWindowCounters(counters, of);
  return counters;
}

export function copyWindowCounters(into: WindowCounters, from: Readonly<WindowCounters>): void {
  for (const name of windowCounters) into[name] = from[name];
}

export function addWindowCounters(into: WindowCounters, counters: Readonly<WindowCounters>): void {
  for (const name of windowCounters) into[name] = addCounts(into[name], counters[name]);
}

/** A sum that stays within what the contracts carry exactly, 2^53 − 1. */
export const addCounts = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER);
