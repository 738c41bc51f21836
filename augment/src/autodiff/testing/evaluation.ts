import { elementsOf } from '@offramp/bundle';
import { Tensor as RuntimeTensor, type TypedTensor } from 'onnxruntime-node';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { Emitter } from '../emit.js';
import { generatorFor } from '../initialise.js';
import { openSession, startModel } from '../session.js';
import type { Tensor } from '../tensor.js';

/** Computes tensors of a graph from values of its inputs, as training does. */
export async function openEvaluation(inputs: Readonly<Record<string, Tensor>>, outputs: readonly Tensor[]) {
  const declare = ([name, { shape, type }]: [string, Tensor]) => ({
    name,
    shape,
    type: type === 'int32' ? type : ('float32' as const),
  });
  const editor = startModel(Object.entries(inputs).map(declare));
  const emitter = new Emitter(editor, { inference: false, prefix: '', source: (_, name) => name });
  const names = outputs.map((_, i) => editor.uniqueName(`result${i}`));
  outputs.forEach((output, i) => {
    emitter.writeAs(output, names[i] as string);
  });
  const session = await openSession(
    editor,
    outputs.map((output, i) => declare([names[i] as string, output])),
    1,
  );
  return {
    async run(values: Readonly<Record<string, Float32Array | Int32Array>>): Promise<Float32Array[]> {
      const feeds = Object.entries(inputs).map(([name, { shape }]): [string, RuntimeTensor] => [
        name,
        runtimeTensor(values[name] ?? new Float32Array(), shape),
      ]);
      const results = await session.run(Object.fromEntries(feeds));
      return names.map((name) => results[name]?.data as Float32Array);
    },
    close: () => session.release(),
  };
}

/** {@link openEvaluation} for one run. */
export async function evaluate(
  inputs: Readonly<Record<string, Tensor>>,
  values: Readonly<Record<string, Float32Array | Int32Array>>,
  outputs: readonly Tensor[],
): Promise<Float32Array[]> {
  const evaluation = await openEvaluation(inputs, outputs);
  const results = await evaluation.run(values);
  await evaluation.close();
  return results;
}

/** Values in [low, high) determined by the seed. */
export function uniform(shape: readonly number[], seed: number, low = -1, high = 1): Float32Array {
  const generator = generatorFor('uniform', seed);
  return Float32Array.from(
    { length: elementsOf(shape) },
    () => low + (high - low) * uniformFloat64(generator),
  );
}

function runtimeTensor(
  data: Float32Array | Int32Array,
  shape: readonly number[],
): TypedTensor<'float32'> | TypedTensor<'int32'> {
  return data instanceof Float32Array
    ? new RuntimeTensor('float32', data, shape)
    : new RuntimeTensor('int32', data, shape);
}
