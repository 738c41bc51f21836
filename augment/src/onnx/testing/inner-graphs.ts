import { onnx } from '#onnx';
import { GraphEditor } from '../graph-editor.js';
import { batchOf } from '../value-info.js';
import { type Feature, Layers } from './layers.js';

const bool = 9;
const int64 = 7;

/** A branch of an If. @param name differs from those of all other inner graphs */
export function branchGraph(name: string, build: (inner: Layers) => Feature): onnx.GraphProto {
  const editor = new GraphEditor(new onnx.ModelProto({ graph: new onnx.GraphProto({ name }) }));
  const result = build(new Layers(editor, 'float32', `${name}_`));
  editor.addOutput(result.name, result.shape);
  return editor.graph;
}

/** The body of a Loop that goes on for as many rounds as it is told to, with one state of one shape. */
export function loopBody(
  shape: readonly number[],
  build: (inner: Layers, state: Feature) => Feature,
): onnx.GraphProto {
  const graph = branchGraph('body', (inner) => {
    inner.editor.graph.input = [scalar('round', int64), scalar('go_on', bool), batchOf('state', shape)];
    return build(inner, { name: 'state', shape });
  });
  const goesOn = new onnx.NodeProto({ opType: 'Identity', input: ['go_on'], output: ['goes_on'] });
  graph.node.push(goesOn);
  graph.output.unshift(scalar('goes_on', bool));
  return graph;
}

function scalar(name: string, elemType: number): onnx.ValueInfoProto {
  const tensorType = new onnx.TypeProto.Tensor({ elemType, shape: new onnx.TensorShapeProto() });
  return new onnx.ValueInfoProto({ name, type: new onnx.TypeProto({ tensorType }) });
}
