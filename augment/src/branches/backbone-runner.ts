import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { argMax, createSession, elementsOf, type InputSpecification } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { OfframpError } from '@offramp/runtime';
import { Tensor } from 'onnxruntime-node';
import { extractSegment } from '../onnx/extract-segment.js';
import { GraphEditor } from '../onnx/graph-editor.js';
import type { BackboneProfile, CutPoint } from '../onnx/profile.js';
import { leastSpread, spreadHint, spreadsOf } from '../onnx/score-spread.js';
import { addAsFloat32 } from '../onnx/segment-ends.js';
import { writeModel } from '../onnx/write-model.js';
import { pictureBatches } from '../pictures/picture-batches.js';

const outputName = 'backbone_output';

/** Share of a batch that may have such scores. */
const maxAlike = 0.01;

/** The frozen backbone's results for a batch, until the next run, which writes into the same memory. */
export interface BackboneBatch {
  /** The backbone's output, batch × classes. */
  output: Float32Array;
  /** Its answers. */
  labels: Uint16Array;
  /** The watched tensors, in order. */
  tensors: Float32Array[];
}

/** A tensor of the graph that every run returns. */
export interface WatchedTensor {
  name: string;
  /** Of one sample. */
  shape: readonly number[];
}

/** Runs the frozen backbone and returns watched inner tensors. */
export interface BackboneRunner {
  /** @param input batch × elements of the input's shape */
  run(input: Float32Array, batch: number): Promise<BackboneBatch>;
  /** Runs over a whole data set, in order. `start` is the first picture's index. */
  over(pictures: Dataset, input: InputSpecification): AsyncGenerator<BackboneBatch & { start: number }>;
  close(): Promise<void>;
}

/**
 * Loads a backbone for training.
 * @param samplesPerRun that ONNX Runtime gets at a time, at most
 * @param cutPoints what `watch` builds on
 * @param watch names tensors of the graph that are to be returned; it gets the names that the cut points have here as
 *   float32, in their order
 */
export async function openBackbone(
  backbone: BackboneProfile,
  samplesPerRun: number,
  cutPoints: readonly CutPoint[],
  watch: (editor: GraphEditor, names: readonly string[]) => readonly WatchedTensor[],
): Promise<BackboneRunner> {
  // Names of the backbone may be any text, also what no JavaScript object can have as a property of its own.
  const inner = new Map(cutPoints.map(({ tensor }, i) => [tensor, `cut_point_${i}`]));
  const proto = extractSegment(backbone, null, null, { input: 'input', output: outputName, inner });
  const editor = new GraphEditor(proto);
  const watched = watch(
    editor,
    cutPoints.map(({ tensor, stored }) => {
      const name = inner.get(tensor) as string;
      if (!stored || stored.type === 'float32') return name;
      const values = editor.uniqueName(`${name}_float32`);
      addAsFloat32(editor, name, stored, values);
      return values;
    }),
  );
  const distinct = [...new Map(watched.map((each) => [each.name, each])).values()];
  for (const { name, shape } of distinct) editor.addOutput(name, [...shape]);
  // Memory for a pattern of allocations would be taken in addition.
  const session = await createSession(writeModel(proto), { logSeverityLevel: 3, enableMemPattern: false });
  const memory = new OutputMemory([{ name: outputName, shape: [backbone.output.classes] }, ...distinct]);
  const run = async (input: Float32Array, batch: number): Promise<BackboneBatch> => {
    const values = memory.of(batch);
    for (let from = 0; from < batch; from += samplesPerRun) {
      const to = Math.min(batch, from + samplesPerRun);
      await session.run(
        { input: rowsOf(input, batch, backbone.input.shape, from, to) },
        values.rows(from, to),
      );
    }
    const output = values.arrays.get(outputName) as Float32Array;
    const { classes } = backbone.output;
    expectFinite(output);
    if (backbone.output.kind === 'logits') expectDistinctScores(output, classes);
    return {
      output,
      labels: Uint16Array.from({ length: batch }, (_, row) =>
        argMax(output.subarray(row * classes, (row + 1) * classes)),
      ),
      tensors: watched.map(({ name }) => values.arrays.get(name) as Float32Array),
    };
  };
  return {
    run,
    async *over(pictures, input) {
      const indices = Array.from({ length: pictures.size }, (_, i) => i);
      let start = 0;
      for await (const batch of pictureBatches(pictures, indices, input, samplesPerRun)) {
        yield { start, ...(await run(batch.input, batch.indices.length)) };
        start += batch.indices.length;
        // `run` blocks this thread, so yield to signals and timers.
        await eventLoopTurn();
      }
    },
    close: () => session.release(),
  };
}

/** Memory that runs write their outputs into, for one size of a batch at a time: new memory would wait for the garbage collector. */
class OutputMemory {
  private batch = 0;
  private arrays: ReadonlyMap<string, Float32Array> = new Map();

  constructor(private readonly outputs: readonly WatchedTensor[]) {}

  of(batch: number) {
    if (batch !== this.batch) {
      this.arrays = new Map(
        this.outputs.map(({ name, shape }) => [name, new Float32Array(batch * elementsOf(shape))]),
      );
      this.batch = batch;
    }
    const { arrays } = this;
    const rows = (from: number, to: number) =>
      Object.fromEntries(
        this.outputs.map(({ name, shape }) => [
          name,
          rowsOf(arrays.get(name) as Float32Array, batch, shape, from, to),
        ]),
      );
    return { arrays, rows };
  }
}

function rowsOf(
  values: Float32Array,
  batch: number,
  shape: readonly number[],
  from: number,
  to: number,
): Tensor {
  const width = values.length / batch;
  return new Tensor('float32', values.subarray(from * width, to * width), [to - from, ...shape]);
}

/** @throws OfframpError `TRAINING_FAILED` */
function expectFinite(output: Float32Array): void {
  if (output.every(Number.isFinite)) return;
  throw new OfframpError('TRAINING_FAILED', "the backbone's output contains values that are not numbers", {
    hint: 'Check the preprocessing: mean and std must be those the model was trained with.',
  });
}

/** @throws OfframpError `TRAINING_FAILED` for scores whose order the exits of a bundle could not see */
function expectDistinctScores(output: Float32Array, classes: number): void {
  const spreads = spreadsOf(output, classes);
  const rows = spreads.length;
  const alike = spreads.filter((spread) => spread < leastSpread).length;
  if (alike <= maxAlike * rows) return;
  throw new OfframpError(
    'TRAINING_FAILED',
    `expected scores of the backbone that differ from class to class; those of ${alike} of ${rows} samples lie within ${Math.max(...spreads.filter((spread) => spread < leastSpread)).toPrecision(1)}, which softmax makes equal probabilities of`,
    {
      hint: `Check the preprocessing: mean, std and --scale must be those the model was trained with. ${spreadHint}`,
    },
  );
}
