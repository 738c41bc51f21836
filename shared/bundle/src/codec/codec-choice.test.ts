import { expect, test } from 'vitest';
import { type Manifest, manifestSchema } from '../manifest/manifest.js';
import { sampleBundle } from '../testing/sample-bundle.js';
import { losslessFamilies, preferredCodecs } from './codec-choice.js';
import { stageLayout } from './tensor-layout.js';

function manifestWith(change: (stages: Manifest['stages']) => void): Manifest {
  const contents = sampleBundle();
  const file = { path: 'a', bytes: 1, sha256: 'a'.repeat(64) };
  const stages = contents.stages.map((stage) => ({ ...stage, model: file }));
  change(stages);
  const calibration = { table: file, samples: 3 };
  const format = { format: 'offramp-bundle', formatVersion: 1 };
  return manifestSchema.parse({ ...contents, ...format, stages, calibration });
}

const codec = { encoding: 'int4+deflate' as const, step: 0.5, meanBytes: 3, agreement: 1, agreementLost: 0 };
const describeChoices = (manifest: Manifest, stage: number) =>
  preferredCodecs(manifest, stage).map(({ codec: { name }, quantiser }) => [name, quantiser.step]);

test('a bundle without a codec sends float32', () => {
  expect(
    describeChoices(
      manifestWith(() => {}),
      1,
    ),
  ).toEqual([['float32', undefined]]);
});

test('the bundle’s codec comes first, then the same without deflate, then more precise ones; float32 last', () => {
  const manifest = manifestWith(([first]) => Object.assign(first as object, { codec }));
  expect(describeChoices(manifest, 1)).toEqual([
    ['int4+deflate', 0.5],
    ['int4', 0.5],
    ['int8+deflate', undefined],
    ['int8', undefined],
    ['float16+deflate', undefined],
    ['float16', undefined],
    ['float32+deflate', undefined],
    ['float32', undefined],
  ]);
  expect(describeChoices(manifest, 2)).toEqual([['float32', undefined]]);
});

const quantised = { precision: { kind: 'integer8', scale: 0.02, zeroPoint: 7 } };
const namesOf = (change: object, stage = 1, lossless = false) =>
  preferredCodecs(
    manifestWith(([first]) => Object.assign(first as object, change)),
    stage,
    lossless,
  ).map(({ codec: { name } }) => name);
const exactly8 = ['model8+deflate', 'model8', 'float32+deflate', 'float32'];

test('where the model quantises an activation itself, its own integers are finer than any, and lossless', () => {
  const codecs = { ...quantised, codec: { ...codec, encoding: 'model8+deflate', step: undefined } };
  expect(namesOf(codecs)).toEqual(exactly8);
  expect(namesOf({ ...quantised, codec })).toEqual(['int4+deflate', 'int4', ...exactly8]);
  expect(namesOf(quantised, 1, true)).toEqual(exactly8);
  expect(namesOf(quantised, 2, true)).toEqual(['float32+deflate', 'float32']);
});

test('where the model computes in float16, that is lossless', () => {
  const exactly16 = ['float16+deflate', 'float16', 'float32+deflate', 'float32'];
  const half = { precision: { kind: 'float16' } };
  expect(namesOf(half, 1, true)).toEqual(exactly16);
  expect(namesOf({ ...half, codec: { ...codec, encoding: 'int8' } })).toEqual(['int8', ...exactly16]);
  const layout = { shape: [4, 4], precision: { kind: 'float16' as const } };
  expect(losslessFamilies(layout)).toEqual(['float16', 'float32']);
  expect(losslessFamilies({ ...layout, carriedRows: 1 })).toEqual(['float32']);
});

test('the model’s own integers are only for activations that it quantises', () => {
  expect(() => namesOf({ codec: { ...codec, encoding: 'model8' } })).toThrow(
    'expected model8 only where the precision is integer8',
  );
  expect(() => manifestWith((stages) => Object.assign(stages.at(-1) as object, quantised))).toThrow(
    'expected none on the last stage',
  );
});

test('lossless allows only float32', () => {
  const manifest = manifestWith(([first]) => Object.assign(first as object, { codec }));
  const names = preferredCodecs(manifest, 1, true).map(({ codec: { name } }) => name);
  expect(names).toEqual(['float32+deflate', 'float32']);
});

test('rows that carry an answer are told apart from the activation', () => {
  const reusing = manifestWith(([, second]) => {
    if (second?.branch) second.branch.reuse = true;
  });
  expect(stageLayout(reusing, 1).carriedRows).toBe(1);
  expect(stageLayout(reusing, 2).carriedRows).toBe(0);
  const plain = manifestWith(() => {});
  expect(stageLayout(plain, 1)).toEqual({ shape: [2, 2, 2], carriedRows: 0 });
  expect(stageLayout(plain, 0)).toEqual({ shape: [1, 4, 4], input: plain.input });
});

test('the last stage has no activation to encode', () => {
  expect(() => manifestWith((stages) => Object.assign(stages.at(-1) as object, { codec }))).toThrow(
    'expected none on the last stage',
  );
});
