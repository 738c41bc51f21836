import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Dataset, openDataset, subsetOf } from '@offramp/data';
import { type GraphTrainingOptions, trainGraphBranches } from '../branches/train-graph-branches.js';
import { trainPoolBranches } from '../branches/train-pool-branches.js';
import { Layers } from '../onnx/testing/layers.js';
import { addResidualNetwork } from '../onnx/testing/residual-network.js';
import { smallModelBytes } from '../onnx/testing/small-model.js';
import type { AugmentOptions } from '../pipeline/augment-options.js';

const example = fileURLToPath(new URL('../../../examples/fashion-mnist', import.meta.url));

export const exampleModel = join(example, 'model/fashion-resnet56.onnx');

/** The first pictures of the example. */
export async function examplePictures(count: number): Promise<Dataset> {
  const all = await openDataset(join(example, 'data'), { split: 'test' });
  return subsetOf(
    all,
    Array.from({ length: count }, (_, i) => i),
  );
}

/**
 * Writes a residual network of nine layers for the example's pictures, with random weights. It costs a tenth of the
 * example's backbone: for tests of what happens around a training.
 * @returns its path
 */
export async function writeSmallBackbone(folder: string): Promise<string> {
  const inputShape = [1, 28, 28];
  const bytes = smallModelBytes(
    (editor) => {
      const layers = new Layers(editor);
      const scores = addResidualNetwork(layers, 'x', inputShape, {
        ...{ widths: [8, 16], blocksPerWidth: 2, classes: 10 },
      });
      layers.end(scores, 'y');
    },
    { inputShape, outputShape: [10] },
  );
  const path = join(folder, 'small-backbone.onnx');
  await writeFile(path, bytes);
  return path;
}

/** A small training by gradients. */
export const graphTraining: GraphTrainingOptions = {
  loss: { kind: 'separate', lambda: 0.5, distillation: 0.5, temperature: 2, reachFloor: 1 },
  batchSize: 32,
  learningRate: 3e-3,
  weightDecay: 1e-2,
  confidence: 'held-out',
  augmentation: { flip: true, crop: 2 },
};

/** Two pooled branches on the example. */
export const pooledOptions: AugmentOptions = {
  name: 'test',
  branches: 2,
  placement: 'linear',
  cutPoints: null,
  bodies: [{ kind: 'pool', grid: 2, reduce: 'none' }],
  reuse: 'none',
  criterion: 'confidence',
  targets: 'backbone',
  epochs: 4,
  holdOut: 200,
  calibration: null,
  preprocessing: { mean: [0.286], std: [0.353] },
  labels: null,
  agreement: 0.8,
  delta: 0.1,
  deviceCost: 0.45,
  codec: 'quantised',
  seed: 3,
  trainer: trainPoolBranches,
  progress: { step: () => undefined, advance: () => undefined },
};

/** Two branches of convolution that know of each other. */
export const convolutionOptions: AugmentOptions = {
  ...pooledOptions,
  bodies: [{ kind: 'conv1', grid: 2, reduce: 'pool' }],
  reuse: 'linear',
  epochs: 3,
  trainer: trainGraphBranches(graphTraining),
};
