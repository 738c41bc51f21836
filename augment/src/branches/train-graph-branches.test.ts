import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { elementsOf } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programBytes } from '../effort/memory-plan.js';
import { loadBackbone } from '../inspect/load-backbone.js';
import { augmentBackbone } from '../pipeline/augment-backbone.js';
import {
  examplePictures,
  exampleModel as model,
  convolutionOptions as options,
  graphTraining as training,
  writeSmallBackbone,
} from '../testing/example.js';
import { trainGraphBranches } from './train-graph-branches.js';

let folder: string;
let small: string;
let pictures: Dataset;
let few: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-graph-'));
  small = await writeSmallBackbone(folder);
  pictures = await examplePictures(840);
  few = await examplePictures(400);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const agreementOf = (bits: string) => [...bits].filter((bit) => bit === '1').length / bits.length;

describe('trainGraphBranches', () => {
  it('trains branches whose stages answer as in training, each using the previous one', async () => {
    const { bundle } = await augmentBackbone(
      await loadBackbone(model),
      pictures,
      join(folder, 'reuse'),
      options,
    );
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
  });

  it('lets a branch answer the geometric mean of its own and the previous answer', async () => {
    const geometric = { ...options, reuse: 'geometric', epochs: 1 } as const;
    const { bundle } = await augmentBackbone(
      await loadBackbone(small),
      few,
      join(folder, 'geometric'),
      geometric,
    );
    const none = await augmentBackbone(await loadBackbone(small), few, join(folder, 'alone'), {
      ...geometric,
      reuse: 'none',
    });
    const parameters = (of: typeof bundle) => of.manifest.stages.map(({ branch }) => branch?.parameters ?? 0);
    expect(bundle.manifest.stages[1]?.branch?.reuse).toBe(true);
    expect(bundle.manifest.stages[0]?.activationShape).toEqual([9, 28, 28]);
    // An exponent, and the weight of one more feature of the confidence head.
    expect((parameters(bundle)[1] as number) - (parameters(none.bundle)[1] as number)).toBe(1 + 1);
  });

  it('gives the same bundle for the same seed', async () => {
    const digests = [];
    for (const name of ['a', 'b']) {
      const { bundle } = await augmentBackbone(await loadBackbone(small), few, join(folder, name), {
        ...options,
        epochs: 1,
      });
      digests.push(bundle.digest);
    }
    expect(digests[0]).toBe(digests[1]);
  });

  it.each(['sum', 'fused'] as const)('trains class and confidence heads jointly: %s', async (kind) => {
    const trainer = trainGraphBranches({
      ...training,
      loss: { ...training.loss, kind, lambda: 2 },
      confidence: 'joint',
    });
    const { bundle } = await augmentBackbone(await loadBackbone(small), few, join(folder, kind), {
      ...options,
      epochs: 1,
      trainer,
    });
    // Writing a bundle checks that its stages answer as the jointly trained heads did.
    const { branches } = await bundle.readCalibration();
    const confidence = branches[0]?.confidence ?? [];
    expect(Math.max(...confidence)).toBeGreaterThan(Math.min(...confidence));
  });

  it('learns in micro-batches what little memory allows, and refuses less before it begins', async () => {
    const withMemory = async (mebibytes: number) => {
      const steps: { title: string; total: number }[] = [];
      const progress = {
        step: (title: string, total: number) => steps.push({ title, total }),
        advance: () => undefined,
      };
      const attempt = augmentBackbone(await loadBackbone(model), pictures, join(folder, 'little'), {
        ...options,
        ...{ epochs: 1, progress, memoryBytes: programBytes + mebibytes * 2 ** 20 },
      });
      return { ...(await attempt.catch((error: unknown) => ({ error }))), steps };
    };
    const little = await withMemory(32);
    if ('error' in little) throw little.error;
    // Not as many steps as there are micro-batches.
    const step = little.steps.find(({ title }) => title === 'training the branches');
    expect(step?.total).toBeGreaterThanOrEqual(Math.floor(640 / 32));
    expect(step?.total).toBeLessThan(1.5 * (640 / 32));
    const { branches } = await little.bundle.readCalibration();
    expect(agreementOf(branches[1]?.agrees ?? '')).toBeGreaterThan(0.5);
    const less = await withMemory(16);
    expect(less).toMatchObject({ error: { code: 'CONFIG_INVALID', message: /--memory/ } });
    expect(less.steps).toEqual([]);
  });

  it('learns true labels on request', async () => {
    const unlabelled: Dataset = { ...pictures, labelled: false, labelAt: () => null };
    const attempt = augmentBackbone(await loadBackbone(small), unlabelled, join(folder, 'labels'), {
      ...options,
      targets: 'labels',
    });
    await expect(attempt).rejects.toMatchObject({ code: 'DATA_INVALID' });
  });
});
