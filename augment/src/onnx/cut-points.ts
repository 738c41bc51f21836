import { OfframpError } from '@offramp/shared';
import { dataFlow, readsOf, writesOf } from './graph.js';
import type { OnnxModel } from './model.js';

const shownTensors = 6;

/**
 * The tensors, in the order in which they are computed, through which every path from the model's input
 * to its output passes; neither the input nor the output itself. Constants are on no path; what is
 * computed from a tensor's shape is.
 *
 * In a topological order, whatever a cut point depends on stands before it and whatever depends on it
 * stands after. So a tensor is a cut point exactly if, just after its node, it is the only tensor alive:
 * already computed from the input and still to be read. One sweep finds them all, in time linear in the
 * size of the graph.
 *
 * @throws OfframpError `MODEL_UNSUPPORTED` where there is none, naming what runs side by side
 */
export function findCutPoints(model: OnnxModel): string[] {
  const input = model.input.name;
  const output = model.output.name;
  const { nodes, dynamic } = dataFlow(model.graph, input, output);
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
  if (cuts.length === 0) throw noCutPoint(model.where, widest);
  return cuts;
}

function noCutPoint(where: string, widest: readonly string[]): OfframpError {
  if (widest.length === 0) {
    return new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected tensors between input and output to attach exits at; found none`,
    );
  }
  const more = widest.length > shownTensors ? `, and ${widest.length - shownTensors} more` : '';
  return new OfframpError(
    'MODEL_UNSUPPORTED',
    `${where}: expected a tensor through which every path from input to output passes; found none: ` +
      `at the widest place ${widest.length} run side by side, ${widest.slice(0, shownTensors).join(', ')}${more}`,
    {
      hint: 'A connection that spans the whole network leaves no place to cut; so do shapes of the input that are read late.',
    },
  );
}
