import type { WindowCounts } from '../ingest/window-counts.js';

/** Maximum number of groups with their own series; the others share series without a group. */
const maxGroups = 1_000;
/** Maximum number of branches with their own series; deeper ones share one. */
const maxBranches = 16;

export const groupCounts = [
  'offloaded',
  'degraded',
  'refused',
  'failed',
  'offloadBytes',
  'inputBytes',
  'auditBytes',
] as const;
export type GroupCount = (typeof groupCounts)[number];

interface Counts extends Record<GroupCount, number> {
  /** By name: `0`, `1`, …, `16+`, `final`. */
  exits: Map<string, number>;
  agreed: number;
  disagreed: number;
  dropped: number;
}

/** Counts of devices since the controller was ready, summed by group. */
export class GroupCounters {
  private readonly groups = new Map<string, Counts>();

  add(group: string, window: WindowCounts): void {
    const counts = this.of(group);
    for (const name of groupCounts) counts[name] += window[name];
    counts.agreed += window.auditsAgreed;
    counts.disagreed += Math.max(0, window.audited - window.auditsAgreed);
    counts.dropped += window.auditsDropped;
    window.exits.forEach((count, exit, { length }) => {
      const name = exitName(exit, length);
      counts.exits.set(name, (counts.exits.get(name) ?? 0) + count);
    });
  }

  *count(name: GroupCount): Generator<[{ group: string }, number]> {
    for (const [group, counts] of this.groups) yield [{ group }, counts[name]];
  }

  *exits(): Generator<[{ group: string; exit: string }, number]> {
    for (const [group, { exits }] of this.groups) {
      for (const [exit, count] of exits) yield [{ group, exit }, count];
    }
  }

  *audits(): Generator<[{ group: string; outcome: string }, number]> {
    for (const [group, { agreed, disagreed, dropped }] of this.groups) {
      for (const [outcome, count] of Object.entries({ agreed, disagreed, dropped })) {
        yield [{ group, outcome }, count];
      }
    }
  }

  private of(group: string): Counts {
    const name = this.groups.has(group) || this.groups.size < maxGroups ? group : '';
    const counts = this.groups.get(name) ?? {
      offloaded: 0,
      degraded: 0,
      refused: 0,
      failed: 0,
      offloadBytes: 0,
      inputBytes: 0,
      auditBytes: 0,
      agreed: 0,
      disagreed: 0,
      dropped: 0,
      exits: new Map<string, number>(),
    };
    this.groups.set(name, counts);
    return counts;
  }
}

function exitName(exit: number, exits: number): string {
  if (exit === exits - 1) return 'final';
  return exit < maxBranches ? String(exit) : `${maxBranches}+`;
}
