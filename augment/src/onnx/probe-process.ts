import { createSession } from '@offramp/bundle/session';
import { serveProcess } from '@offramp/runtime/child-process';
import { type InferenceSession, Tensor } from 'onnxruntime-node';

/** What a probe asks of its process. */
export type ProbeRequest =
  | { open: Uint8Array }
  | {
      input: string;
      shape: readonly number[];
      values: readonly string[];
      shapes: readonly string[];
    };

/** A tensor with its values, row-major. */
export interface TensorValue {
  /** As ONNX Runtime names it, `float32` for example. */
  type: string;
  dims: readonly number[];
  data: Tensor['data'];
}

export interface OpenReply {
  /** The outputs that are tensors, and the types of their elements. */
  types: ReadonlyMap<string, string>;
}

export interface RunReply {
  /** In the order asked for, as `shapes` are. */
  values: TensorValue[];
  shapes: number[][];
}

let session: InferenceSession | null = null;

serveProcess<ProbeRequest, OpenReply | RunReply>(
  (request) => ('open' in request ? open(request.open) : run(request)),
  { blocks: true },
);

async function open(model: Uint8Array): Promise<OpenReply> {
  await session?.release();
  // Unoptimised: every tensor of the graph is there to be looked at. Errors come back as exceptions.
  session = await createSession(model, {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  });
  const tensors = session.outputMetadata.flatMap((value) => (value.isTensor ? [value] : []));
  return { types: new Map(tensors.map(({ name, type }) => [name, type])) };
}

async function run({
  input,
  shape,
  values,
  shapes,
}: Exclude<ProbeRequest, { open: Uint8Array }>): Promise<RunReply> {
  if (!session) throw new Error('expected an open model, found none');
  const count = shape.reduce((product, size) => product * size, 1);
  const fetched = await session.run(
    { [input]: new Tensor('float32', samples(count, shape[0] ?? 1), shape) },
    [...values, ...shapes],
  );
  return {
    values: values.map((name) => {
      const { type, dims, data } = fetched[name] as Tensor;
      return { type, dims, data };
    }),
    shapes: shapes.map((name) => Array.from((fetched[name]?.data ?? []) as BigInt64Array, Number)),
  };
}

/** Of the samples of a batch: what is computed over the batch shows when they are unlike. */
const amplitudes = [1, -60, 0.02, 8, -0.3];

/** Values without a period that a network would notice, between −1 and 1 for the first sample. */
function samples(count: number, batch: number): Float32Array {
  const size = count / batch;
  return Float32Array.from({ length: count }, (_, i) => {
    const amplitude = amplitudes[Math.floor(i / size) % amplitudes.length] as number;
    return amplitude * Math.sin((i + 1) ** 1.3);
  });
}
