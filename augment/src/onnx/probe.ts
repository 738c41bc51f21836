import { elementsOf, messageOf, OfframpError } from '@offramp/shared';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { onnx } from '#onnx';
import { GraphEditor } from './graph-editor.js';
import { changed, type OnnxModel } from './model.js';
import { writeModel } from './write-model.js';

/** What one run of a model told. */
export interface ProbeRun {
  /** Of every tensor asked for, batch included. */
  shapes: ReadonlyMap<string, readonly number[]>;
  /** Values of the model's output, row-major. */
  output: Float32Array;
}

/** A model with an eye on its inner tensors. */
export interface Probe {
  /** Whether a tensor asked for with its type is float32. */
  isFloat32(tensor: string): boolean;
  /** Runs a batch of fixed, different samples; the first is the same in every batch. */
  run(batch: number): Promise<ProbeRun>;
  close(): Promise<void>;
}

/**
 * Loads a model so that one run tells the shapes of inner tensors: ONNX Runtime's word, not an inference
 * of ours. The tensors themselves are not kept, only their shapes.
 * @param sampleShape of the model's input, without the batch dimension
 * @param tensors whose shape to tell
 * @param typed those of them whose type to tell
 * @throws OfframpError `MODEL_INVALID`, `MODEL_UNSUPPORTED` where ONNX Runtime refuses the model
 */
export async function openProbe(
  model: OnnxModel,
  sampleShape: readonly number[],
  tensors: readonly string[],
  typed: readonly string[],
): Promise<Probe> {
  const output = model.output.name;
  const graph = changed(onnx.GraphProto, model.graph, {
    node: [...model.graph.node],
    initializer: [...model.graph.initializer],
    output: [output, ...typed].map((name) => new onnx.ValueInfoProto({ name })),
    valueInfo: [],
  });
  const editor = new GraphEditor(changed(onnx.ModelProto, model.proto, { graph }));
  const shapeNames = new Map<string, string>();
  for (const tensor of new Set([output, ...tensors, ...typed])) {
    const name = editor.uniqueName(`${tensor}_shape`);
    editor.addNode('Shape', [tensor], [name]);
    graph.output.push(new onnx.ValueInfoProto({ name }));
    shapeNames.set(tensor, name);
  }
  const session = await createSession(writeModel(editor.proto), model.where);
  const types = new Map(
    session.outputMetadata.map((value) => [value.name, value.isTensor ? value.type : 'none']),
  );
  return {
    isFloat32: (tensor) => types.get(tensor) === 'float32',
    async run(batch) {
      const input = new Tensor('float32', samples(batch * elementsOf(sampleShape)), [batch, ...sampleShape]);
      const fetched = await session.run({ [model.input.name]: input }, [output, ...shapeNames.values()]);
      const shapes = new Map(
        Array.from(shapeNames, ([tensor, name]) => [
          tensor,
          Array.from((fetched[name]?.data ?? []) as BigInt64Array, Number),
        ]),
      );
      return { shapes, output: (fetched[output]?.data ?? new Float32Array()) as Float32Array };
    },
    close: () => session.release(),
  };
}

async function createSession(bytes: Uint8Array, where: string): Promise<InferenceSession> {
  try {
    // Unoptimised: every tensor of the graph is there to be looked at. Errors come back as exceptions.
    return await InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  } catch (cause) {
    const problem = runtimeMessage(cause);
    const unknown =
      /No Op registered|not a registered function|find an implementation|only \*guarantees\* support|Unsupported model IR/;
    throw new OfframpError(
      unknown.test(problem) ? 'MODEL_UNSUPPORTED' : 'MODEL_INVALID',
      `${where}: ONNX Runtime refuses it: ${problem}`,
      { cause },
    );
  }
}

/** What ONNX Runtime says, without the place in its own source that it puts before it. */
export function runtimeMessage(error: unknown): string {
  return messageOf(error)
    .replaceAll(/\/\S*onnxruntime\/core\/\S+:\d+ [^()]*\([^()]*\)( const)? /g, '')
    .trim();
}

/** Values in [-1, 1] without a period that a network would notice. */
function samples(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) ** 1.3));
}
