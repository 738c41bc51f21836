import type { onnx } from '#onnx';
import { type DataFlow, dataFlow, readsOf, subgraphsOf, writesOf } from './graph.js';
import { isDefaultDomain, type OnnxModel } from './model.js';

/** Operators whose output follows from the shape of what they read, not from its values. */
const shapeOperators = new Set(['Shape', 'Size']);

/** Operators whose output is drawn anew in every run. */
const randomOperator = /^(?:Random|Bernoulli$|Multinomial$)/;

/** Operators whose output's shape depends on the values they read … */
const shapedByValues = new Set(['NonZero', 'Unique', 'Compress', 'NonMaxSuppression', 'StringSplit']);

/** … and those for which that is so only of some inputs. */
const shapedByInputs: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries({
    Reshape: [1],
    Expand: [1],
    Tile: [1],
    ConstantOfShape: [0],
    Range: [0, 1, 2],
    OneHot: [1],
    TopK: [1],
    Slice: [1, 2, 3, 4],
    Split: [1],
    Pad: [1],
    Resize: [2, 3],
    Upsample: [1],
    CenterCropPad: [1],
  }),
);

/** Whether a node gives another output for the same input in each run. */
export function isRandom(node: onnx.NodeProto): boolean {
  return isDefaultDomain(node.domain) && randomOperator.test(node.opType);
}

export function readsShapeOnly(node: onnx.NodeProto): boolean {
  return isDefaultDomain(node.domain) && shapeOperators.has(node.opType);
}

/** What of a model depends on the input's values, and what on its shape alone. */
export interface ShapeArithmetic {
  /** Tensors that depend on the input, but only on its shape: with samples of one shape, on the size of the batch. */
  shapes: ReadonlySet<string>;
  /** The flow of the values, as if the tensors in `shapes` were constants. */
  values: DataFlow;
  /** Which of `shapes` a node of that flow reads, in the order of the nodes. */
  readers: ReadonlyMap<onnx.NodeProto, readonly string[]>;
}

export function shapeArithmetic({ graph, input, output }: OnnxModel): ShapeArithmetic {
  const flow = dataFlow(graph, input.name, output.name);
  const shapes = new Set<string>();
  const values = new Set([input.name]);
  const unknownShape = new Set<string>();
  const valueNodes: onnx.NodeProto[] = [];
  for (const node of flow.nodes) {
    const reads = readsOf(node).filter((name) => flow.dynamic.has(name));
    const ofShape = readsShapeOnly(node)
      ? !reads.some((name) => unknownShape.has(name))
      : !isRandom(node) && reads.every((name) => shapes.has(name));
    if (!ofShape) valueNodes.push(node);
    const shapeUnknown =
      !ofShape && (isShapedByValues(node, values) || reads.some((name) => unknownShape.has(name)));
    for (const name of writesOf(node)) {
      (ofShape ? shapes : values).add(name);
      if (shapeUnknown) unknownShape.add(name);
    }
  }
  const readers = new Map<onnx.NodeProto, string[]>();
  for (const node of valueNodes) {
    const read = [...new Set(readsOf(node))].filter((name) => shapes.has(name));
    if (read.length > 0) readers.set(node, read);
  }
  return { shapes, values: { nodes: valueNodes, dynamic: values }, readers };
}

function isShapedByValues(node: onnx.NodeProto, values: ReadonlySet<string>): boolean {
  if (!isDefaultDomain(node.domain)) return false;
  if (shapedByValues.has(node.opType) || subgraphsOf(node).length > 0) return true;
  return (shapedByInputs.get(node.opType) ?? []).some((at) => values.has(node.input[at] ?? ''));
}
