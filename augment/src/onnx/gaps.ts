import type { onnx } from '#onnx';
import { type DataFlow, describeNode, readsOf, writesOf } from './graph.js';

/** From which share of the cost on a part of the model without cut points is worth a remark. */
const minGapShare = 0.25;
/** A tensor bridges a part if it spans this share of its cost. */
const minSpan = 0.5;
const shownBridges = 3;

/** A part of the model in which it cannot be cut, because tensors go past what is computed there. */
export interface Gap {
  /** The cut points at its ends; `null`: the model's input or output. */
  from: string | null;
  to: string | null;
  macs: number;
  /** Longest first. */
  bridges: Bridge[];
}

/** A tensor that is read again after much else was computed. */
export interface Bridge {
  tensor: string;
  /** The last node that reads it. */
  reader: string;
}

/**
 * The expensive parts of a model without a cut point, and what bridges them. A part that consists of one expensive
 * operator is none of them.
 * @param costs of the nodes of the flow
 * @param cutPoints in order
 */
export function findGaps(
  { nodes, dynamic }: DataFlow,
  costs: readonly number[],
  cutPoints: readonly string[],
): Gap[] {
  const cuts = new Set(cutPoints);
  const total = sum(costs);
  const ends = nodes.flatMap((node, index) =>
    writesOf(node)
      .filter((name) => cuts.has(name))
      .map((name) => ({ tensor: name as string | null, end: index + 1 })),
  );
  ends.push({ tensor: null, end: nodes.length });
  const gaps: Gap[] = [];
  let start = { tensor: null as string | null, end: 0 };
  for (const next of ends) {
    const within = nodes.slice(start.end, next.end);
    const ownCosts = costs.slice(start.end, next.end);
    const macs = sum(ownCosts);
    if (total > 0 && macs >= minGapShare * total) {
      const bridges = longestLived(within, ownCosts, dynamic).filter(({ span }) => span >= minSpan * macs);
      if (bridges.length > 0) {
        const shown = bridges.slice(0, shownBridges).map(({ tensor, reader }) => ({ tensor, reader }));
        gaps.push({ from: start.tensor, to: next.tensor, macs, bridges: shown });
      }
    }
    start = next;
  }
  return gaps;
}

/**
 * The tensors that live the longest among nodes in a row, longest first.
 * @param costs of the nodes: how much it is to live through each
 */
export function longestLived(
  nodes: readonly onnx.NodeProto[],
  costs: readonly number[],
  dynamic: ReadonlySet<string>,
): (Bridge & { span: number })[] {
  let cost = 0;
  const written = new Map<string, number>();
  const longest = new Map<string, Bridge & { span: number }>();
  nodes.forEach((node, index) => {
    for (const tensor of readsOf(node)) {
      const span = cost - (written.get(tensor) ?? 0);
      if (dynamic.has(tensor) && span > 0) longest.set(tensor, { tensor, reader: describeNode(node), span });
    }
    cost += costs[index] as number;
    for (const name of writesOf(node)) written.set(name, cost);
  });
  return [...longest.values()].sort((a, b) => b.span - a.span);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
