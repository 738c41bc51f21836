import { elementsOf } from '@offramp/bundle';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { onnx } from '#onnx';
import { extractSegment } from '../extract-segment.js';
import type { BackboneProfile } from '../profile.js';
import { writeModel } from '../write-model.js';

/** What halves may differ from the whole. */
export const maxDifference = 1e-4;

const names = { input: 'input', output: 'output' };

type Run = (data: Float32Array, shape: readonly number[]) => Promise<Float32Array>;

/** Opens a model with one float32 input and one output for as long as `use` takes. */
export async function withModel<T>(
  model: Uint8Array | onnx.ModelProto,
  use: (run: Run) => Promise<T>,
): Promise<T> {
  const bytes = model instanceof Uint8Array ? model : writeModel(model);
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  try {
    return await use(async (data, shape) => {
      const input = new Tensor('float32', data, [data.length / elementsOf(shape), ...shape]);
      const fetched = await session.run({ [session.inputNames[0] as string]: input });
      return Float32Array.from(fetched[session.outputNames[0] as string]?.data as Float32Array);
    });
  } finally {
    await session.release();
  }
}

/** Different samples, some of them much larger than others. */
export function differingSamples(batch: number, shape: readonly number[]): Float32Array {
  const size = elementsOf(shape);
  const scales = [1, -3, 0.1, 2];
  return Float32Array.from({ length: batch * size }, (_, i) => {
    const scale = scales[Math.floor(i / size) % scales.length] as number;
    return scale * Math.sin(i ** 1.1);
  });
}

/** Largest difference relative to the largest value, or absolute where that is below 1; NaN where lengths differ. */
export function difference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  const scale = b.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] as number))), 0) / scale;
}

/**
 * How far the two halves of a backbone are from the whole, at the worst of its cut points and batches.
 * @param whole answers to a batch of samples as the model's file does
 */
export async function worstCut(
  backbone: BackboneProfile,
  whole: Run,
  batches: readonly number[] = [1, 5, 16],
  samplesOf = differingSamples,
): Promise<number> {
  const { shape } = backbone.input;
  const cases: { input: Float32Array; expected: Float32Array }[] = [];
  for (const batch of batches) {
    const input = samplesOf(batch, shape);
    cases.push({ input, expected: await whole(input, shape) });
  }
  let worst = 0;
  for (const { tensor, shape: cutShape } of backbone.cutPoints) {
    await withModel(extractSegment(backbone, null, tensor, names), (first) =>
      withModel(extractSegment(backbone, tensor, null, names), async (second) => {
        for (const { input, expected } of cases) {
          const found = difference(await second(await first(input, shape), cutShape), expected);
          if (!(found <= worst)) worst = found;
        }
      }),
    );
  }
  return worst;
}
