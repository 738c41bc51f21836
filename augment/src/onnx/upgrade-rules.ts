import type Long from 'long';
import { onnx } from '#onnx';
import { type AttributeValue, attributeOf } from './graph-editor.js';
import { changed } from './model.js';

/** A node to be rewritten, and what helps. */
export interface Rewriting {
  node: onnx.NodeProto;
  /** Of the model. */
  opset: number;
  attribute(name: string): onnx.AttributeProto | undefined;
  /** A constant before the node. @returns its name */
  integers(name: string, values: readonly (number | Long)[]): string;
  constant(name: string, dims: readonly number[], values: readonly number[]): string;
  /** A node before it. @returns the name of what it writes */
  write(
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeValue>>,
  ): string;
  /** Number of dimensions that a tensor is declared with. */
  rank(tensor: string): number | undefined;
  refuse(what: string): never;
}

interface Rule {
  /** The operator set with which the operator took the form that {@link rewrite} gives it. */
  until: number;
  rewrite(rewriting: Rewriting): onnx.NodeProto;
}

/** How operators have to change. Those that are not named read the same from operator set 7 to 13. */
export const rewritings: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['BatchNormalization', { until: 9, rewrite: batchNormalization }],
  ['Clip', { until: 11, rewrite: clip }],
  ['Dropout', { until: 12, rewrite: dropout }],
  ['Hardmax', { until: 13, rewrite: softmax }],
  ['ImageScaler', { until: 10, rewrite: imageScaler }],
  ['LogSoftmax', { until: 13, rewrite: softmax }],
  ['Pad', { until: 11, rewrite: pad }],
  ['ReduceSum', { until: 13, rewrite: (rewriting) => attributesToInputs(rewriting, ['axes']) }],
  ['Resize', { until: 11, rewrite: resize }],
  ['Scan', { until: 9, rewrite: ({ refuse }) => refuse('whose batches are its own') }],
  [
    'Scatter',
    { until: 11, rewrite: ({ node }) => changed(onnx.NodeProto, node, { opType: 'ScatterElements' }) },
  ],
  ['Slice', { until: 10, rewrite: (rewriting) => attributesToInputs(rewriting, ['starts', 'ends', 'axes']) }],
  ['Softmax', { until: 13, rewrite: softmax }],
  ['Split', { until: 13, rewrite: (rewriting) => attributesToInputs(rewriting, ['split']) }],
  ['Squeeze', { until: 13, rewrite: (rewriting) => attributesToInputs(rewriting, ['axes']) }],
  ['TopK', { until: 10, rewrite: topK }],
  ['Unsqueeze', { until: 13, rewrite: (rewriting) => attributesToInputs(rewriting, ['axes']) }],
  ['Upsample', { until: 10, rewrite: resize }],
]);

/** The node with more inputs, without some attributes. */
function moved(
  node: onnx.NodeProto,
  inputs: readonly string[],
  attributes: readonly string[],
): onnx.NodeProto {
  return changed(onnx.NodeProto, node, {
    input: [...node.input, ...inputs],
    attribute: node.attribute.filter(({ name }) => !attributes.includes(name)),
  });
}

/** Lists of integers that are inputs now; those at the end may be absent. */
function attributesToInputs(
  { node, attribute, integers }: Rewriting,
  names: readonly string[],
): onnx.NodeProto {
  const inputs = names.flatMap((name) => {
    const found = attribute(name);
    return found ? [integers(name, found.ints)] : [];
  });
  return moved(node, inputs, names);
}

function batchNormalization({ node, attribute, refuse }: Rewriting): onnx.NodeProto {
  if (attribute('spatial')?.i.isZero()) refuse('whose statistics are per value (spatial=0)');
  return moved(node, [], ['spatial']);
}

function clip({ node, attribute, constant }: Rewriting): onnx.NodeProto {
  const [min, max] = [attribute('min'), attribute('max')];
  const inputs = [min ? constant('min', [], [min.f]) : '', ...(max ? [constant('max', [], [max.f])] : [])];
  return moved(node, min || max ? inputs : [], ['min', 'max']);
}

/** In inference it has always been a copy; its form changed four times. */
function dropout({ node, refuse }: Rewriting): onnx.NodeProto {
  if (node.output[1]) refuse('whose mask is used');
  return changed(onnx.NodeProto, node, {
    opType: 'Identity',
    output: node.output.slice(0, 1),
    attribute: [],
  });
}

/** An experimental operator of operator set 1, of models for Windows: x · scale + bias of the channel. */
function imageScaler({ node, attribute, constant, write }: Rewriting): onnx.NodeProto {
  const bias = attribute('bias')?.floats ?? [];
  const scale = constant('scale', [], [attribute('scale')?.f ?? 1]);
  const scaled = write('Mul', [node.input[0] ?? '', scale]);
  return changed(onnx.NodeProto, node, {
    opType: 'Add',
    input: [scaled, constant('bias', [bias.length, 1, 1], bias)],
    attribute: [],
  });
}

function pad({ node, attribute, integers, constant }: Rewriting): onnx.NodeProto {
  const value = attribute('value')?.f ?? 0;
  const inputs = [integers('pads', attribute('pads')?.ints ?? [])];
  if (value !== 0) inputs.push(constant('value', [], [value]));
  return moved(node, inputs, ['pads', 'value']);
}

function topK({ node, attribute, integers }: Rewriting): onnx.NodeProto {
  const k = attribute('k');
  return moved(node, [integers('k', k ? [k.i] : [])], ['k']);
}

/** Upsample, and Resize of operator set 10: a pixel at x comes from x / scale, the nearest one before it. */
function resize({ node, attribute, constant }: Rewriting): onnx.NodeProto {
  const own = attribute('scales')?.floats;
  const scales = own ? constant('scales', [own.length], own) : (node.input[1] ?? '');
  return changed(onnx.NodeProto, node, {
    opType: 'Resize',
    input: [node.input[0] ?? '', '', scales],
    attribute: [
      ...node.attribute.filter(({ name }) => name === 'mode'),
      attributeOf('coordinate_transformation_mode', { s: 'asymmetric' }),
      attributeOf('nearest_mode', { s: 'floor' }),
    ],
  });
}

/** Until operator set 12 it flattened its input to two dimensions before `axis`; now it takes one axis as it is. */
function softmax({ node, attribute, rank, write }: Rewriting): onnx.NodeProto {
  const [input = ''] = node.input;
  const axis = attribute('axis')?.i.toNumber() ?? 1;
  const last = [attributeOf('axis', { i: -1 })];
  const isLast = axis === -1 || axis + 1 === rank(input) || axis + 1 === rank(node.output[0] ?? '');
  if (isLast) return changed(onnx.NodeProto, node, { attribute: last });
  const flat = write('Flatten', [input], { axis: { i: axis } });
  const scores = write(node.opType, [flat], { axis: { i: -1 } });
  const shape = write('Shape', [input]);
  return changed(onnx.NodeProto, node, { opType: 'Reshape', input: [scores, shape], attribute: [] });
}
