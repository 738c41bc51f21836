import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Dataset, elementsOf, openDataset, subsetOf } from '@offramp/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AugmentOptions, augmentBackbone } from '../augment-backbone.js';
import { type GraphTrainingOptions, trainGraphBranches } from './train-graph-branches.js';

const example = fileURLToPath(new URL('../../../examples/fashion-mnist', import.meta.url));
const model = join(example, 'model/fashion-resnet56.onnx');

const training: GraphTrainingOptions = {
  loss: { kind: 'separate', lambda: 0.5, distillation: 0.5, temperature: 2, reachFloor: 1 },
  batchSize: 32,
  learningRate: 3e-3,
  weightDecay: 1e-2,
  confidence: 'held-out',
  augmentation: { flip: true, crop: 2 },
};
const options: AugmentOptions = {
  name: 'test',
  branches: 2,
  placement: 'linear',
  cutPoints: null,
  body: { kind: 'conv1', grid: 2, reduce: 'pool' },
  reuse: true,
  criterion: 'confidence',
  targets: 'backbone',
  epochs: 3,
  holdOut: 200,
  calibration: null,
  preprocessing: { mean: [0.286], std: [0.353] },
  labels: null,
  agreement: 0.8,
  delta: 0.1,
  deviceCost: 0.45,
  seed: 3,
  trainer: trainGraphBranches(training),
  progress: { step: () => undefined, advance: () => undefined },
};

let folder: string;
let pictures: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-graph-'));
  const all = await openDataset(join(example, 'data'), { split: 'test' });
  pictures = subsetOf(
    all,
    Array.from({ length: 840 }, (_, i) => i),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const agreementOf = (bits: string) => [...bits].filter((bit) => bit === '1').length / bits.length;

describe('trainGraphBranches', () => {
  it('trains branches that answer in their stages what they did in training, each knowing the one before', async () => {
    const { bundle } = await augmentBackbone(model, pictures, join(folder, 'reuse'), options);
    const [first, second, last] = bundle.manifest.stages;
    expect(first?.branch).toMatchObject({ body: { kind: 'conv1', reduce: 'pool' }, reuse: false });
    expect(second?.branch?.reuse).toBe(true);
    // Ten probabilities fit into one more channel; the last stage needs none.
    expect(first?.activationShape).toEqual([17, 28, 28]);
    expect(second?.inputShape).toEqual([17, 28, 28]);
    expect(last?.inputShape).toEqual(second?.activationShape);
    expect(elementsOf(last?.inputShape ?? []) % 32).toBe(0);
    const { branches } = await bundle.readCalibration();
    expect(agreementOf(branches[1]?.agrees ?? '')).toBeGreaterThan(0.7);
  }, 60_000);

  it('gives the same bundle for the same seed', async () => {
    const digests = [];
    for (const name of ['a', 'b']) {
      const { bundle } = await augmentBackbone(model, pictures, join(folder, name), {
        ...options,
        epochs: 1,
      });
      digests.push(bundle.digest);
    }
    expect(digests[0]).toBe(digests[1]);
  }, 60_000);

  it.each(['sum', 'fused'] as const)(
    'trains class and confidence heads jointly: %s',
    async (kind) => {
      const trainer = trainGraphBranches({
        ...training,
        loss: { ...training.loss, kind, lambda: 2 },
        confidence: 'joint',
      });
      const { bundle } = await augmentBackbone(model, pictures, join(folder, kind), {
        ...options,
        epochs: 1,
        trainer,
      });
      // Written at all means checked: the stages answer as the jointly trained heads did.
      const { branches } = await bundle.readCalibration();
      const confidence = branches[0]?.confidence ?? [];
      expect(Math.max(...confidence)).toBeGreaterThan(Math.min(...confidence));
    },
    60_000,
  );

  it('learns true labels where asked to', async () => {
    const unlabelled: Dataset = { ...pictures, labelled: false, labelAt: () => null };
    const attempt = augmentBackbone(model, unlabelled, join(folder, 'labels'), {
      ...options,
      targets: 'labels',
    });
    await expect(attempt).rejects.toMatchObject({ code: 'DATA_INVALID' });
  });
});
