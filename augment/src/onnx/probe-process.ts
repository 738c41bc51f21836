import { createSession } from '@offramp/bundle/session';
import { serveProcess } from '@offramp/runtime/child-process';
import { type InferenceSession, Tensor } from 'onnxruntime-node';

/** What a probe asks of its process. */
export type ProbeRequest =
  | { open: Uint8Array }
  | {
      input: string;
      shape: readonly number[];
      /** Of the first sample. */
      amplitude: number;
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

/**
 * Unoptimised first, which loads fastest and computes every tensor as the graph has it. Some models run only when ONNX
 * Runtime has folded constants, or fused nodes.
 */
const levels = ['disabled', 'basic', 'all'] as const;

/** The open model. */
interface Opened {
  bytes: Uint8Array;
  session: InferenceSession;
  /** Index into {@link levels}. */
  level: number;
}

let opened: Opened | null = null;

serveProcess<ProbeRequest, OpenReply | RunReply>(
  (request) => ('open' in request ? open(request.open) : run(request)),
  { blocks: true },
);

async function open(bytes: Uint8Array): Promise<OpenReply> {
  await opened?.session.release();
  opened = null;
  opened = await firstThatWorks(0, async (level) => ({ bytes, session: await load(bytes, level), level }));
  const tensors = opened.session.outputMetadata.flatMap((value) => (value.isTensor ? [value] : []));
  return { types: new Map(tensors.map(({ name, type }) => [name, type])) };
}

async function run(request: Exclude<ProbeRequest, { open: Uint8Array }>): Promise<RunReply> {
  const current = opened;
  if (!current) throw new Error('expected an open model, found none');
  return firstThatWorks(current.level, async (level) => {
    if (level === current.level) return runIn(current.session, request);
    const session = await load(current.bytes, level);
    try {
      const reply = await runIn(session, request);
      await current.session.release();
      opened = { ...current, session, level };
      return reply;
    } catch (error) {
      await session.release();
      throw error;
    }
  });
}

/** The result at the first level, from one on, that gives one; the first error where none does. */
async function firstThatWorks<T>(from: number, attempt: (level: number) => Promise<T>): Promise<T> {
  try {
    return await attempt(from);
  } catch (error) {
    for (let level = from + 1; level < levels.length; level++) {
      try {
        return await attempt(level);
      } catch {
        // The first error is of the graph as it is, and says most.
      }
    }
    throw error;
  }
}

function load(model: Uint8Array, level: number): Promise<InferenceSession> {
  // Errors come back as exceptions.
  return createSession(model, { graphOptimizationLevel: levels[level] ?? 'all', logSeverityLevel: 4 });
}

async function runIn(
  session: InferenceSession,
  { input, shape, amplitude, values, shapes }: Exclude<ProbeRequest, { open: Uint8Array }>,
): Promise<RunReply> {
  const count = shape.reduce((product, size) => product * size, 1);
  const fetched = await session.run(
    { [input]: new Tensor('float32', samples(count, shape[0] ?? 1, amplitude), shape) },
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

/** Of the samples of a batch, in units of the first one's: what is computed over the batch shows when they are unlike. */
const amplitudes = [1, -60, 0.02, 8, -0.3];

/** Values without a period that a network would notice. */
function samples(count: number, batch: number, first: number): Float32Array {
  const size = count / batch;
  return Float32Array.from({ length: count }, (_, i) => {
    const amplitude = amplitudes[Math.floor(i / size) % amplitudes.length] as number;
    return first * amplitude * Math.sin((i + 1) ** 1.3);
  });
}
