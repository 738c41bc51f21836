import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { elementsOf } from '@offramp/bundle';
import { type Dataset, openDataset, subsetOf } from '@offramp/data';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BranchBody } from '../branches/body.js';
import { trainGraphBranches } from '../branches/train-graph-branches.js';
import { trainPoolBranches } from '../branches/train-pool-branches.js';
import { evaluateBundle } from '../calibrate/evaluate-bundle.js';
import { loadBackbone } from '../inspect/load-backbone.js';
import { pictureBatches } from '../pictures/picture-batches.js';
import { backboneFiles, graphTraining } from '../testing/index.js';
import { augmentBackbone } from './augment-backbone.js';
import type { AugmentOptions } from './augment-options.js';

const data = fileURLToPath(new URL('../../../examples/fashion-mnist/data', import.meta.url));
const counts = { pictures: 64, heldOut: 24, evaluated: 12 };
/** Of backbones whose pictures are larger than 64 × 64: each costs as much as a hundred others. */
const fewer = { pictures: 36, heldOut: 12 };
const indices = Array.from({ length: counts.evaluated }, (_, i) => i);

const graphTrainer = trainGraphBranches({
  ...graphTraining,
  batchSize: 20,
  augmentation: { flip: true, crop: 0 },
});
const body = (kind: BranchBody['kind']): BranchBody => ({
  kind,
  grid: 2,
  reduce: kind === 'pool' ? 'none' : 'pool',
});
const recipes = [
  { name: 'pool', bodies: [body('pool')], reuse: 'none', trainer: trainPoolBranches },
  { name: 'conv1 with reuse', bodies: [body('conv1')], reuse: 'linear', trainer: graphTrainer },
] as const;

const options = {
  branches: 2,
  placement: 'linear',
  cutPoints: null,
  criterion: 'confidence',
  targets: 'backbone',
  epochs: 1,
  calibration: null,
  labels: null,
  // More than so few pictures can prove: what branches save is not the question here.
  agreement: 0.98,
  delta: 0.2,
  codec: 'quantised',
  deviceCost: 0.45,
  seed: 1,
  progress: { step: () => undefined, advance: () => undefined },
} satisfies Partial<AugmentOptions>;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-every-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const files = backboneFiles('branches on every backbone');
it.skipIf(files.length === 0)('there are backbones', () => {
  expect(files).not.toEqual([]);
});

describe.each(files)('$name', ({ name: file, path }) => {
  it.each(recipes)('gets branches whose bundle answers as it does: $name', async ({ name, ...recipe }) => {
    const backbone = await loadBackbone(path);
    const { cutPoints, input: ownInput, output } = backbone.profile;
    const channels = ownInput.shape[0] === 1 ? 1 : 3;
    const { pictures: count, heldOut } = elementsOf(ownInput.shape) > 3 * 64 * 64 ? fewer : counts;
    const pictures = await firstPictures(channels, count);
    const { bundle } = await augmentBackbone(backbone, pictures, join(folder, `${file} ${name}`), {
      ...options,
      ...{ ...recipe, holdOut: heldOut },
      name: file,
      preprocessing: { mean: Array(channels).fill(0.5), std: Array(channels).fill(0.3) },
    });

    const { stages, backbone: recorded } = bundle.manifest;
    // On the smallest backbones the second branch would cost more than it could save.
    expect([2, 3]).toContain(stages.length);
    expect(stages.map(({ branch }) => branch?.reuse ?? null)).toEqual([
      ...[false, recipe.reuse !== 'none'].slice(0, stages.length - 1),
      null,
    ]);
    expect(stages.reduce((sum, { segmentMacs }) => sum + segmentMacs, 0)).toBe(recorded.macs);
    for (const { branch } of stages) {
      const shape = cutPoints.find(({ tensor }) => tensor === branch?.cutPoint)?.shape;
      if (branch) expect(branch.body.kind).toBe(shape?.length === 3 ? recipe.bodies[0].kind : 'pool');
    }

    const few = await firstPictures(channels, counts.evaluated);
    const table = await evaluateBundle(bundle, few);
    expect(table.branches.map(({ agrees }) => agrees.length)).toEqual(stages.slice(1).map(() => few.size));
    const session = await InferenceSession.create(path, { logSeverityLevel: 3 });
    for await (const batch of pictureBatches(few, indices, bundle.manifest.input, counts.evaluated)) {
      const input = new Tensor('float32', batch.input, [few.size, ...ownInput.shape]);
      const { data: scores } = (await session.run({ [ownInput.name]: input }))[output.name] as Tensor;
      const { classes } = output;
      const correct = indices.map((row) => {
        const own = [...(scores as Float32Array).subarray(row * classes, (row + 1) * classes)];
        return own.indexOf(Math.max(...own)) === few.labelAt(row) ? '1' : '0';
      });
      expect(table.correct?.at(-1)).toBe(correct.join(''));
    }
    await session.release();
  });
});

async function firstPictures(channels: 1 | 3, count: number): Promise<Dataset> {
  const all = await openDataset(data, { split: 'test', channels });
  return subsetOf(
    all,
    Array.from({ length: count }, (_, i) => i),
  );
}
