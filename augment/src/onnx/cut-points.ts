import { OfframpError } from '@offramp/runtime';
import { longestLived } from './gaps.js';
import { type DataFlow, dataFlow, readsOf, writesOf } from './graph.js';
import type { OnnxModel } from './model.js';
import { listOperators, noNetworkHint } from './operator-names.js';

const shownTensors = 6;

/**
 * The tensors, in the order in which they are computed, through which every path from the model's input
 * to its output passes; neither the input nor the output itself. Constants are on no path; what is
 * computed from a tensor's shape is.
 *
 * @throws OfframpError `MODEL_UNSUPPORTED` where there is none, naming what runs side by side
 */
export function findCutPoints(model: OnnxModel): string[] {
  const flow = dataFlow(model.graph, model.input.name, model.output.name);
  const { cuts, widest } = sweepCuts(model, flow);
  if (cuts.length === 0) throw noCutPoint(model.where, widest, flow);
  return cuts;
}

/** What a sweep over a graph finds. */
export interface CutSweep {
  cuts: string[];
  /** The tensors at the place where most of them are alive at once; none where there is only one everywhere. */
  widest: string[];
}

/**
 * In a topological order, whatever a cut point depends on stands before it and whatever depends on it
 * stands after. So a tensor is a cut point exactly if, just after its node, it is the only tensor alive:
 * already computed from the input and still to be read. One sweep finds them all, in time linear in the
 * size of the graph.
 */
export function sweepCuts(model: OnnxModel, { nodes, dynamic }: DataFlow): CutSweep {
  const input = model.input.name;
  const output = model.output.name;
  if (!dynamic.has(output)) {
    throw new OfframpError(
      'MODEL_INVALID',
      `${model.where}: output ${output} does not depend on input ${input}`,
    );
  }
  const lastRead = new Map<string, number>([[output, nodes.length]]);
  nodes.forEach((node, index) => {
    for (const name of readsOf(node)) {
      if (dynamic.has(name) && name !== output) lastRead.set(name, index);
    }
  });
  const cuts: string[] = [];
  const alive = new Set([input]);
  let widest: string[] = [];
  nodes.forEach((node, index) => {
    for (const name of writesOf(node)) {
      if ((lastRead.get(name) ?? -1) > index) alive.add(name);
    }
    for (const name of readsOf(node)) {
      if (lastRead.get(name) === index) alive.delete(name);
    }
    const [first] = alive;
    if (alive.size === 1 && first !== undefined) {
      if (first !== input && first !== output && cuts.at(-1) !== first) cuts.push(first);
    } else if (alive.size > 1 && alive.size >= widest.length) {
      widest = [...alive];
    }
  });
  return { cuts, widest };
}

function noCutPoint(where: string, widest: readonly string[], { nodes, dynamic }: DataFlow): OfframpError {
  if (widest.length === 0) {
    return new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected tensors between input and output to attach exits at; found none: the model is ${listOperators(nodes)}`,
      { hint: noNetworkHint },
    );
  }
  const more = widest.length > shownTensors ? `, and ${widest.length - shownTensors} more` : '';
  const [bridge] = longestLived(nodes, Array(nodes.length).fill(1), dynamic);
  return new OfframpError(
    'MODEL_UNSUPPORTED',
    `${where}: expected a tensor through which every path from input to output passes; found none: ` +
      `at the widest place ${widest.length} run side by side, ${widest.slice(0, shownTensors).join(', ')}${more}`,
    bridge
      ? {
          hint: `A connection that spans the whole network leaves no place to cut: ${bridge.reader} reads ${bridge.tensor}.`,
        }
      : {},
  );
}
