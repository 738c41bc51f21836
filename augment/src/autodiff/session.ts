import { createSession } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import Long from 'long';
import type { InferenceSession } from 'onnxruntime-node';
import { onnx } from '#onnx';
import { GraphEditor } from '../onnx/graph-editor.js';
import { runtimeMessage } from '../onnx/probe.js';
import { batchSymbol } from '../onnx/value-info.js';
import { writeModel } from '../onnx/write-model.js';
import { fail } from './tensor.js';

/** The operator set that graphs are written in. */
export const opset = 17;

/** `TensorProto.DataType` of the ONNX specification. */
const dataTypes = { float32: 1, int32: 6 } as const;

/** An input or output; the batch dimension is `null` if it is dynamic. */
export interface Declaration {
  name: string;
  shape: readonly (number | null)[];
  type: keyof typeof dataTypes;
}

/** A model with only these inputs. */
export function startModel(inputs: readonly Declaration[]): GraphEditor {
  return new GraphEditor(
    new onnx.ModelProto({
      irVersion: Long.fromNumber(8),
      producerName: 'offramp',
      opsetImport: [new onnx.OperatorSetIdProto({ version: Long.fromNumber(opset) })],
      graph: new onnx.GraphProto({ name: 'graph', input: inputs.map(valueInfo) }),
    }),
  );
}

/**
 * A session that runs a model with these outputs on the CPU. Numbers too small for a normalised float count
 * as 0: moments of dead weights decay to such numbers, which are slow to compute with.
 * @param threads that one operator may use; 0: the number of cores
 * @throws OfframpError `INTERNAL` when ONNX Runtime refuses the model
 */
export async function openSession(
  editor: GraphEditor,
  outputs: readonly Declaration[],
  threads: number,
): Promise<InferenceSession> {
  editor.graph.output = outputs.map(valueInfo);
  try {
    return await createSession(writeModel(editor.proto), {
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      logSeverityLevel: 4,
      extra: { session: { set_denormal_as_zero: '1' } },
    });
  } catch (cause) {
    throw new OfframpError('INTERNAL', `ONNX Runtime refuses the graph: ${runtimeMessage(cause)}`, { cause });
  }
}

/** Checks the values of an input. @throws OfframpError `TENSOR_INVALID` */
export function expectFeed<Data extends Float32Array | Int32Array>(
  name: string,
  data: Data | undefined,
  type: keyof typeof dataTypes,
  length: number,
): Data {
  const found = data === undefined ? 'nothing' : `${data.length} of ${data.constructor.name}`;
  const expectedClass = type === 'float32' ? Float32Array : Int32Array;
  if (!(data instanceof expectedClass) || data.length !== length) {
    fail(`input ${name}`, `expected ${length} of ${expectedClass.name}, found ${found}`);
  }
  return data;
}

function valueInfo({ name, shape, type }: Declaration): onnx.ValueInfoProto {
  const dim = shape.map(
    (size) =>
      new onnx.TensorShapeProto.Dimension(
        size === null ? { dimParam: batchSymbol } : { dimValue: Long.fromNumber(size) },
      ),
  );
  return new onnx.ValueInfoProto({
    name,
    type: new onnx.TypeProto({
      tensorType: new onnx.TypeProto.Tensor({
        elemType: dataTypes[type],
        shape: new onnx.TensorShapeProto({ dim }),
      }),
    }),
  });
}
