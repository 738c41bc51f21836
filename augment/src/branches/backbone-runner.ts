import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { argMax, type Dataset, type InputSpecification, OfframpError } from '@offramp/shared';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { extractSegment } from '../onnx/extract-segment.js';
import { GraphEditor } from '../onnx/graph-editor.js';
import type { BackboneProfile } from '../onnx/profile.js';
import { writeModel } from '../onnx/write-model.js';
import { pictureBatches } from '../picture-batches.js';

const batchSize = 128;
const outputName = 'backbone_output';

/** What the frozen backbone makes of a batch. */
export interface BackboneBatch {
  /** The backbone's output, batch × classes. */
  output: Float32Array;
  /** Its answers. */
  labels: Uint16Array;
  /** The watched tensors, in their order. */
  tensors: Float32Array[];
}

/** The frozen backbone, with an eye on tensors inside. */
export interface BackboneRunner {
  /** @param input batch × elements of the input's shape */
  run(input: Float32Array, batch: number): Promise<BackboneBatch>;
  /** Runs over a whole data set, in order. `start` is the first picture's index. */
  over(pictures: Dataset, input: InputSpecification): AsyncGenerator<BackboneBatch & { start: number }>;
  close(): Promise<void>;
}

/**
 * Loads a backbone for training.
 * @param watch makes tensors of the graph outputs, and returns their names
 */
export async function openBackbone(
  backbone: BackboneProfile,
  watch: (editor: GraphEditor) => string[],
): Promise<BackboneRunner> {
  const proto = extractSegment(backbone, null, null, { input: 'input', output: outputName });
  const names = watch(new GraphEditor(proto));
  const session = await InferenceSession.create(writeModel(proto), { logSeverityLevel: 3 });
  const run = async (input: Float32Array, batch: number): Promise<BackboneBatch> => {
    const outputs = await session.run({
      input: new Tensor('float32', input, [batch, ...backbone.input.shape]),
    });
    const output = outputs[outputName]?.data as Float32Array;
    if (!output.every(Number.isFinite)) {
      throw new OfframpError('TRAINING_FAILED', "the backbone's output holds values that are no numbers", {
        hint: 'Check the preprocessing: mean and std must be those the model was trained with.',
      });
    }
    const classes = output.length / batch;
    return {
      output,
      labels: Uint16Array.from({ length: batch }, (_, row) =>
        argMax(output.subarray(row * classes, (row + 1) * classes)),
      ),
      tensors: names.map((name) => outputs[name]?.data as Float32Array),
    };
  };
  return {
    run,
    async *over(pictures, input) {
      const indices = Array.from({ length: pictures.size }, (_, i) => i);
      let start = 0;
      for await (const batch of pictureBatches(pictures, indices, input, batchSize)) {
        yield { start, ...(await run(batch.input, batch.indices.length)) };
        start += batch.indices.length;
        // `run` blocks this thread; let signals and timers through.
        await eventLoopTurn();
      }
    },
    close: () => session.release(),
  };
}
