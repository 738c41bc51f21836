import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bundle } from '@offramp/bundle';
import { type Dataset, subsetOf, withoutLabels } from '@offramp/data';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainGraphBranches } from '../branches/train-graph-branches.js';
import { evaluateBundle } from '../calibrate/evaluate-bundle.js';
import { loadBackbone } from '../inspect/load-backbone.js';
import type { GraphEditor } from '../onnx/graph-editor.js';
import { addWeight, smallModelBytes } from '../onnx/testing/small-model.js';
import { noAugmentation } from '../pictures/augmentation.js';
import { pictureBatches } from '../pictures/picture-batches.js';
import { buildReport, thisMachine, writeReport } from '../report/index.js';
import {
  examplePictures,
  exampleModel as model,
  pooledOptions as options,
  writeSmallBackbone,
} from '../testing/example.js';
import { augmentBackbone } from './augment-backbone.js';
import type { AugmentOptions } from './augment-options.js';

let folder: string;
let small: string;
let pictures: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-augment-'));
  small = await writeSmallBackbone(folder);
  pictures = await examplePictures(800);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('augmentBackbone', () => {
  it('writes a bundle whose final exit is the backbone and whose branches have learned', async () => {
    const out = join(folder, 'bundle');
    const { bundle, outcome } = await augmentBackbone(await loadBackbone(model), pictures, out, options);
    expect(bundle.branches).toBe(2);
    expect(outcome.agreement).toBeGreaterThanOrEqual(options.agreement);
    expect(outcome.exitShares.at(-1)).toBeLessThan(1);
    const { backbone, stages, provenance } = bundle.manifest;
    expect(stages.slice(0, -1).map(({ codec }) => codec?.encoding)).not.toContain(undefined);
    const segments = stages.reduce((sum, stage) => sum + stage.segmentMacs, 0);
    expect(segments).toBe(backbone.macs);
    expect(provenance).toMatchObject({ trainingSamples: 600, calibrationSamples: 200, seed: 3 });

    const session = await InferenceSession.create(await readFile(model));
    const sample = subsetOf(pictures, [5, 700, 701]);
    const table = await evaluateBundle(bundle, sample);
    for await (const batch of pictureBatches(sample, [0, 1, 2], bundle.manifest.input, 3)) {
      const logits = (await session.run({ input: new Tensor('float32', batch.input, [3, 1, 28, 28]) }))
        .logits;
      const whole = [0, 1, 2].map((row) => {
        const values = [...((logits?.data ?? []) as Float32Array)].slice(row * 10, row * 10 + 10);
        return values.indexOf(Math.max(...values)) === sample.labelAt(row) ? '1' : '0';
      });
      expect(table.correct?.at(-1)).toBe(whole.join(''));
    }
  });

  it('gives the same bundle for the same seed, and replaces an older one', async () => {
    const out = join(folder, 'again');
    const first = await augmentBackbone(await loadBackbone(small), pictures, out, { ...options, epochs: 1 });
    const second = await augmentBackbone(await loadBackbone(small), pictures, out, { ...options, epochs: 1 });
    expect(second.bundle.digest).toBe(first.bundle.digest);
    expect((await readdir(folder)).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('leaves a folder alone that holds something else', async () => {
    await writeFile(join(folder, 'precious.txt'), 'mine');
    await expect(augmentBackbone(await loadBackbone(model), pictures, folder, options)).rejects.toMatchObject(
      {
        code: 'CONFIG_INVALID',
      },
    );
    expect(await readFile(join(folder, 'precious.txt'), 'utf8')).toBe('mine');
  });

  it.each([
    [{ preprocessing: { mean: [0, 0, 0], std: [1, 1, 1] } }, 'CONFIG_INVALID', /--mean: expected 1 value/],
    [{ labels: ['cat', 'dog'] }, 'CONFIG_INVALID', /expected 10 labels.*found 2/],
    [{ holdOut: 800 }, 'CONFIG_INVALID', /both sides of 800/],
  ])('says what is wrong with %o', async (change, code, message) => {
    const attempt = augmentBackbone(await loadBackbone(model), pictures, join(folder, 'wrong'), {
      ...options,
      ...change,
    });
    await expect(attempt).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(Bundle.open(join(folder, 'wrong'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('a bundle without branches', () => {
  it('is the whole model as one stage, where it is asked for', async () => {
    const titles: string[] = [];
    const { bundle, outcome, backboneAccuracy } = await augmentBackbone(
      await loadBackbone(small),
      pictures,
      join(folder, 'whole'),
      {
        ...options,
        branches: 0,
        progress: { step: (title) => titles.push(title), advance: () => undefined },
      },
    );
    expect(titles.filter((title) => /train|codec/.test(title))).toEqual([]);
    const { stages, deviceStages, backbone, policy } = bundle.manifest;
    expect({ stages: stages.length, deviceStages, thresholds: policy.thresholds }).toEqual({
      ...{ stages: 1, deviceStages: 1, thresholds: [] },
    });
    expect(stages[0]?.segmentMacs).toBe(backbone.macs);
    expect(outcome).toEqual({ agreement: 1, accuracy: backboneAccuracy, exitShares: [1], cost: 1 });
    const table = await evaluateBundle(bundle, subsetOf(pictures, [0, 1, 2]));
    expect(table).toMatchObject({ samples: 3, branches: [] });
    const report = buildReport({
      ...{ manifest: bundle.manifest, digest: bundle.digest, table, heldOut: await bundle.readCalibration() },
      ...{ data: 'three pictures', thresholds: [0.5, 2], times: [], machine: thisMachine() },
      createdAt: new Date(0),
    });
    expect(await writeReport(report, join(folder, 'whole-report'))).toContain('report.html');
  });
});

describe('branches that do not pay', () => {
  /** A first layer that costs much, and a rest of 10 × 10. */
  const build = (editor: GraphEditor) => {
    editor.addNode('Flatten', ['x'], ['flat'], { axis: { i: 1 } });
    editor.addNode('MatMul', ['flat', addWeight(editor, 'a', [784, 10])], ['first']);
    editor.addNode('Relu', ['first'], ['relu']);
    editor.addNode('MatMul', ['relu', addWeight(editor, 'b', [10, 10])], ['y']);
  };
  it.each(['auto', 'linear'] as const)('are not trained, and nothing is written: %s', async (placement) => {
    const path = join(folder, 'dear.onnx');
    await writeFile(path, smallModelBytes(build, { inputShape: [1, 28, 28], outputShape: [10] }));
    const out = join(folder, 'unpaid');
    const attempt = augmentBackbone(await loadBackbone(path), pictures, out, {
      ...{ ...options, placement },
      trainer: () => Promise.reject(new Error('the training began')),
    });
    await expect(attempt).rejects.toMatchObject({
      code: 'NO_BRANCH_PAYS',
      message: expect.stringMatching(/relu.* 100\.\d %/),
      hint: expect.stringContaining('--branches 0'),
    });
    await expect(Bundle.open(out)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('are not kept if no sample leaves early that could have proven itself', async () => {
    const out = join(folder, 'unsure');
    const attempt = augmentBackbone(await loadBackbone(small), pictures, out, {
      ...{ ...options, epochs: 0, agreement: 0.97 },
    });
    await expect(attempt).rejects.toMatchObject({
      code: 'NO_BRANCH_PAYS',
      message: expect.stringMatching(
        /at agreement 0.97, as 200 held-out samples prove it, .* costs 10\d\.\d %/,
      ),
    });
    await expect(Bundle.open(out)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('are fewer than asked for where the model has fewer places, and it says so', async () => {
    const remarks: string[] = [];
    const { bundle } = await augmentBackbone(await loadBackbone(small), pictures, join(folder, 'fewer'), {
      ...{ ...options, branches: 60, epochs: 1 },
      onRemark: (remark) => remarks.push(remark),
    });
    expect(remarks[0]).toMatch(/^\d+ of 60 branches have a place/);
    expect(remarks.slice(1).filter((remark) => !remark.startsWith('a branch is left out'))).toEqual([]);
    expect(bundle.branches).toBeLessThan(60);
  });
});

describe('the placement auto', () => {
  it('tries branches all over the backbone, and keeps apart what judged them', async () => {
    const titles: string[] = [];
    const { bundle } = await augmentBackbone(await loadBackbone(small), pictures, join(folder, 'auto'), {
      ...options,
      ...{ placement: 'auto', branches: 3 },
      bodies: [
        { kind: 'pool', grid: 2, reduce: 'none' },
        { kind: 'pool', grid: 4, reduce: 'none' },
      ],
      progress: { step: (title) => titles.push(title), advance: () => undefined },
    });
    const trials = titles.filter((title) => /^trial: training branch \d+ of \d+$/.test(title));
    expect(trials.length).toBeGreaterThan(4);
    expect(trials.at(-1)).toBe(`trial: training branch ${trials.length} of ${trials.length}`);
    const { stages, provenance } = bundle.manifest;
    expect(bundle.branches).toBeGreaterThanOrEqual(1);
    expect(bundle.branches).toBeLessThanOrEqual(3);
    expect(new Set(stages.map(({ branch }) => branch?.cutPoint)).size).toBe(stages.length);
    expect(provenance).toMatchObject({
      ...{ trainingSamples: 600, calibrationSamples: 160 },
      options: { placement: 'auto', branches: 3 },
    });
  });

  it('says that a model of one layer has no place for a branch', async () => {
    const path = join(folder, 'one-layer.onnx');
    const build = (editor: GraphEditor) => {
      editor.addNode('Flatten', ['x'], ['flat'], { axis: { i: 1 } });
      editor.addNode('MatMul', ['flat', addWeight(editor, 'a', [784, 10])], ['y']);
    };
    await writeFile(path, smallModelBytes(build, { inputShape: [1, 28, 28], outputShape: [10] }));
    const attempt = augmentBackbone(await loadBackbone(path), pictures, join(folder, 'none'), {
      ...options,
      placement: 'auto',
    });
    await expect(attempt).rejects.toMatchObject({ code: 'NO_BRANCH_PAYS' });
  });
});

describe('thresholds for a cost', () => {
  it('keep to it, and record the agreement that they prove', async () => {
    const { bundle, outcome, provenAgreement } = await augmentBackbone(
      await loadBackbone(small),
      pictures,
      join(folder, 'cost'),
      { ...options, cost: 0.7 },
    );
    expect(outcome.cost).toBeLessThan(0.7);
    expect(bundle.manifest.policy.targetAgreement).toBe(provenAgreement);
    expect(provenAgreement).toBeLessThan(outcome.agreement);
    expect(bundle.manifest.provenance.options).toMatchObject({ cost: 0.7, delta: 0.1 });
  });
});

describe('a model that no pictures fit', () => {
  it.each([
    [[64], null, /the model takes tensors of 64, which pictures cannot become/],
    [[64], { mean: [0], std: [1], resizeMode: 'stretch' }, /--resize-mode: expected none for a tensor/],
    [[3, 8, 8], { mean: [0], std: [1] }, /--mean: expected 3 values, one per channel/],
    [[3, 8, 8], null, /--mean: expected a value; found nothing/],
  ] as const)('says so: %j with %j', async (inputShape, preprocessing, message) => {
    const path = join(folder, `${inputShape.join('x')}.onnx`);
    const build = (editor: GraphEditor) => {
      const width = inputShape.reduce((product, side) => product * side, 1);
      editor.addNode('Flatten', ['x'], ['flat'], { axis: { i: 1 } });
      editor.addNode('MatMul', ['flat', addWeight(editor, 'a', [width, 4])], ['hidden']);
      editor.addNode('MatMul', ['hidden', addWeight(editor, 'b', [4, 10])], ['y']);
    };
    await writeFile(path, smallModelBytes(build, { inputShape, outputShape: [10] }));
    const attempt = augmentBackbone(await loadBackbone(path), pictures, join(folder, 'unfit'), {
      ...options,
      branches: 0,
      preprocessing: preprocessing as AugmentOptions['preprocessing'],
    });
    await expect(attempt).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });
});

describe('a backbone whose scores softmax cannot tell apart on these pictures', () => {
  it('is refused with the cause, before the training', async () => {
    const path = join(folder, 'tiny-scores.onnx');
    /** Scores are 1e-12 of what they are for inputs with values above 5, which these pictures do not have. */
    const build = (editor: GraphEditor) => {
      editor.addNode('Flatten', ['x'], ['flat'], { axis: { i: 1 } });
      editor.addNode('MatMul', ['flat', addWeight(editor, 'a', [784, 64])], ['hidden']);
      editor.addNode('MatMul', ['hidden', addWeight(editor, 'b', [64, 10])], ['scores']);
      editor.addNode('ReduceMax', ['flat'], ['largest'], { axes: { ints: [1] }, keepdims: { i: 1 } });
      const five = editor.addInitializer('five', [], Float32Array.of(5));
      const tiny = editor.addInitializer('tiny', [], Float32Array.of(1e-12));
      editor.addNode('Sub', ['largest', five], ['above']);
      editor.addNode('Relu', ['above'], ['positive']);
      editor.addNode('Add', ['positive', tiny], ['factor']);
      editor.addNode('Mul', ['scores', 'factor'], ['y']);
    };
    await writeFile(path, smallModelBytes(build, { inputShape: [1, 28, 28], outputShape: [10] }));
    const attempt = augmentBackbone(await loadBackbone(path), pictures, join(folder, 'tiny'), options);
    await expect(attempt).rejects.toMatchObject({
      code: 'TRAINING_FAILED',
      message: expect.stringMatching(/those of 128 of 128 samples lie within \de-\d+/),
      hint: expect.stringContaining('preprocessing'),
    });
  });
});

describe('augmentBackbone on data that teach nothing', () => {
  const few = (count: number) =>
    subsetOf(
      pictures,
      Array.from({ length: count }, (_, i) => i),
    );
  const graph: Partial<AugmentOptions> = {
    bodies: [{ kind: 'conv1', grid: 2, reduce: 'pool' }],
    trainer: trainGraphBranches({
      loss: { kind: 'separate', lambda: 0.5, distillation: 0.5, temperature: 2, reachFloor: 1 },
      batchSize: 32,
      learningRate: 3e-3,
      weightDecay: 1e-2,
      confidence: 'held-out',
      augmentation: noAugmentation,
    }),
  };
  const trainers = [
    ['pool', {}],
    ['graph', graph],
  ] as const;

  it.each(trainers)(
    '%s: leaves class heads untrained in no epochs, and the bundle is whole',
    async (name, trainer) => {
      const { bundle } = await augmentBackbone(
        await loadBackbone(small),
        few(120),
        join(folder, `untrained-${name}`),
        {
          ...{ ...options, ...trainer },
          ...{ epochs: 0, holdOut: 60, agreement: 0.98 },
        },
      );
      expect(await bundle.readStages()).toHaveLength(3);
      const { policy, calibration } = bundle.manifest;
      expect(calibration.samples).toBe(60);
      for (const threshold of policy.thresholds) expect(threshold).toBeGreaterThan(0);
    },
  );

  it.each(trainers)('%s: trains on fewer pictures than a batch', async (name, trainer) => {
    const { bundle } = await augmentBackbone(
      await loadBackbone(small),
      few(14),
      join(folder, `few-${name}`),
      {
        ...{ ...options, ...trainer },
        ...{ epochs: 1, holdOut: 4 },
      },
    );
    expect(bundle.manifest.provenance).toMatchObject({ trainingSamples: 10, calibrationSamples: 4 });
  });

  it.each(trainers)('%s: refuses pictures that the backbone gives one answer for', async (name, trainer) => {
    const same = withoutLabels(subsetOf(pictures, new Array(60).fill(7)));
    const out = join(folder, `same-${name}`);
    await expect(
      augmentBackbone(await loadBackbone(model), same, out, {
        ...options,
        ...trainer,
        epochs: 1,
        holdOut: 10,
      }),
    ).rejects.toMatchObject({
      code: 'TRAINING_FAILED',
      message: expect.stringMatching(/same answer for all training samples, class \d/),
      hint: expect.stringContaining('preprocessing'),
    });
  });

  it('takes a backbone that does not tell classes apart for what it is', async () => {
    const same: Dataset = { ...subsetOf(pictures, new Array(60).fill(7)), labelAt: (i) => i % 10 };
    const { differentAnswers } = await augmentBackbone(
      await loadBackbone(model),
      same,
      join(folder, 'blind'),
      {
        ...{ ...options, epochs: 1, holdOut: 10 },
      },
    );
    expect(differentAnswers).toBe(1);
  });

  it('refuses labels of one class, and labels that the model does not have, before the training', async () => {
    const attempt = async (dataset: Dataset, change: Partial<AugmentOptions>) =>
      augmentBackbone(await loadBackbone(model), dataset, join(folder, 'labels'), {
        ...{ ...options, ...change },
        trainer: () => Promise.reject(new Error('the training began')),
      });
    const shirts: Dataset = { ...pictures, labelAt: () => 6 };
    for (const targets of ['labels', 'backbone'] as const) {
      await expect(attempt(shirts, { targets })).rejects.toMatchObject({
        code: 'DATA_INVALID',
        message: expect.stringContaining('found only'),
      });
    }
    const beyond: Dataset = { ...pictures, classNames: null, labelAt: (i) => i % 12 };
    await expect(attempt(beyond, {})).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(/expected labels below 10.*found 1[01]/),
    });
    const animals: Dataset = { ...pictures, classNames: ['cat', 'dog'] };
    await expect(attempt(animals, {})).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(/expected 10 labels.*found 2/),
    });
    const labels = Array.from('abcdefghij');
    await expect(attempt(animals, { labels })).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(/expected classes named a, b.*found cat, dog/),
    });
  });
});
