import { codecNamed, elementsOf, sameShape } from '@offramp/bundle';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { ElementType, ModelKind } from './model-kind.js';

const halves = codecNamed('float16');

/** Numbers as a model's own type holds them. */
const typed: Record<Exclude<ElementType, 'string' | 'int64'>, (values: Float32Array) => unknown> = {
  float32: (values) => values,
  float64: (values) => Float64Array.from(values),
  float16(values) {
    const data = halves?.encode(values, { shape: [values.length] })?.data ?? new Uint8Array();
    return new Uint16Array(data.buffer, data.byteOffset, values.length);
  },
  uint8: (values) => Uint8Array.from(values, Math.round),
  int8: (values) => Int8Array.from(values, (value) => Math.min(127, Math.max(-128, Math.round(value)))),
  int32: (values) => Int32Array.from(values, Math.round),
};

/**
 * What a model's file answers to samples, each alone or in a batch of copies, by ONNX Runtime.
 * @param samples as a bundle takes them
 * @param shape of them
 */
export async function wholeModelScores(
  path: string,
  {
    shape: own,
    type = 'float32',
    options = {},
    batch = 1,
  }: Pick<ModelKind, 'shape' | 'type' | 'options' | 'batch'>,
  samples: readonly Float32Array[],
  shape: readonly number[],
): Promise<Float32Array[]> {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const name = options.output ?? session.outputNames[0] ?? '';
  const [inputName = ''] = session.inputNames;
  const sampleShape = options.inputShape ?? own;
  const scores: Float32Array[] = [];
  for (const values of samples) {
    const ordered = sameShape(shape, sampleShape) ? values : channelsLast(values, shape);
    const repeated = Float32Array.from(
      { length: batch * ordered.length },
      (_, i) => ordered[i % ordered.length] as number,
    );
    const data = typed[type as 'float32'](repeated) as Float32Array;
    const input = new Tensor(type as 'float32', data, [batch, ...sampleShape]);
    const all = numbersOf((await session.run({ [inputName]: input }, [name]))[name] as Tensor);
    scores.push(all.subarray(0, all.length / batch));
  }
  await session.release();
  return scores;
}

function numbersOf({ type, data, size }: Tensor): Float32Array {
  if (type !== 'float16') return Float32Array.from(data as Float32Array);
  const { buffer, byteOffset, byteLength } = data as Uint16Array;
  const into = new Float32Array(size);
  halves?.decode('scores', new Uint8Array(buffer, byteOffset, byteLength), into, { shape: [size] });
  return into;
}

/** Channels × height × width to height × width × channels. */
function channelsLast(values: Float32Array, shape: readonly number[]): Float32Array {
  const [channels = 1] = shape;
  const area = elementsOf(shape) / channels;
  return values.map((_, i) => values[(i % channels) * area + Math.floor(i / channels)] as number);
}
