import Long from 'long';
import { onnx } from '#onnx';
import { DataLocation } from '../graph.js';
import type { GraphEditor } from '../graph-editor.js';

/** How exporters write one and the same network. Each changes a model in place. */

/** Declares the input with these dimensions, batch first; strings are open ones. */
export function declareInput({ graph }: GraphEditor, dimensions: readonly (number | string)[]): void {
  const type = graph.input[0]?.type?.tensorType;
  const dim = dimensions.map(
    (size) =>
      new onnx.TensorShapeProto.Dimension(
        typeof size === 'number' ? { dimValue: Long.fromNumber(size) } : { dimParam: size },
      ),
  );
  if (type) type.shape = new onnx.TensorShapeProto({ dim });
}

/** Lists weights among the inputs, in the oldest format that exporters write. */
export function listWeightsAsInputs({ proto, graph }: GraphEditor): void {
  proto.irVersion = Long.fromNumber(3);
  for (const { name, dims, dataType } of graph.initializer) {
    const dim = dims.map((dimValue) => new onnx.TensorShapeProto.Dimension({ dimValue }));
    const shape = new onnx.TensorShapeProto({ dim });
    const tensorType = new onnx.TypeProto.Tensor({ elemType: dataType, shape });
    graph.input.push(new onnx.ValueInfoProto({ name, type: new onnx.TypeProto({ tensorType }) }));
  }
}

/** Writes weights as nodes, and gives no node a name. */
export function writeWeightsAsNodes(editor: GraphEditor): void {
  const { graph } = editor;
  const nodes = graph.node;
  graph.node = [];
  for (const tensor of graph.initializer) {
    editor.addNode('Constant', [], [tensor.name], { value: { t: tensor } });
  }
  graph.initializer = [];
  graph.node.push(...nodes);
  for (const node of graph.node) node.name = '';
}

/** Moves weights to another file. @param location its path, relative to the model's folder @returns what it holds */
export function writeWeightsApart({ graph }: GraphEditor, location: string): Uint8Array {
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const tensor of graph.initializer) {
    const { rawData } = tensor;
    parts.push(rawData);
    tensor.rawData = new Uint8Array();
    tensor.dataLocation = DataLocation.external;
    tensor.externalData = Object.entries({ location, offset, length: rawData.length }).map(
      ([key, value]) => new onnx.StringStringEntryProto({ key, value: `${value}` }),
    );
    offset += rawData.length;
  }
  return Buffer.concat(parts);
}

/** Makes each node of an operator a call of a function of the model, which holds the node. */
export function writeAsFunctions({ proto, graph }: GraphEditor, opType: string): void {
  const domain = 'pkg.torch';
  const opsetImport = proto.opsetImport.filter((entry) => entry.domain === '');
  for (const [i, node] of graph.node.entries()) {
    if (node.opType !== opType) continue;
    const name = `${opType}_${i}`;
    const input = node.input.map((_, at) => `input_${at}`);
    const inner = new onnx.NodeProto({ opType, input, output: ['result'], attribute: node.attribute });
    proto.functions.push(
      new onnx.FunctionProto({ ...{ name, domain, input, output: ['result'], opsetImport }, node: [inner] }),
    );
    Object.assign(node, { opType: name, domain, attribute: [] });
  }
  if (proto.opsetImport.some((entry) => entry.domain === domain)) return;
  proto.opsetImport.push(new onnx.OperatorSetIdProto({ domain, version: Long.fromNumber(1) }));
}
