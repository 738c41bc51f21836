import { type Imported, isIntegers, type NodeReader, type NodeRule } from './node-reader.js';

/**
 * Arithmetic on shapes, as exporters write it before a Reshape. All shapes are known here. A scalar counts as a list of
 * one.
 */
export const integerRules: ReadonlyMap<string, NodeRule> = new Map<string, NodeRule>([
  ['Shape', shapeOf],
  ['Gather', gathered],
  ['Concat', (node) => node.node.input.flatMap((_, input) => listOf(node, input))],
  ['Slice', sliced],
  ...['Identity', 'Cast', 'Squeeze', 'Unsqueeze'].map((name): [string, NodeRule] => [
    name,
    (node) => listOf(node, 0),
  ]),
]);

function listOf(node: NodeReader, input: number): readonly number[] {
  return node.integers(input, '') ?? node.refuse(`expected integers as input ${input}`);
}

function shapeOf(node: NodeReader): Imported {
  const { shape } = node.tensor(0);
  return shape.slice(node.int('start', 0), node.int('end', shape.length));
}

function gathered(node: NodeReader): Imported {
  const from = listOf(node, 0);
  return listOf(node, 1).map(
    (index) => from.at(index) ?? node.refuse(`expected an index below ${from.length}`),
  );
}

function sliced(node: NodeReader): Imported {
  const [from, [start = 0], [end]] = [listOf(node, 0), listOf(node, 1), listOf(node, 2)];
  if (node.integers(4, 'steps')?.some((step) => step !== 1)) node.refuse('expected steps of 1');
  return from.slice(start, end);
}

/** Whether a node computes with integers: its first input is a list, or it makes one. */
export function isOfIntegers(opType: string, first: Imported | null): boolean {
  return opType === 'Shape' || (first !== null && isIntegers(first));
}
