import { Encoding } from '@offramp/contracts';
import { expect, test } from 'vitest';
import { type Manifest, manifestSchema } from '../manifest/manifest.js';
import { sampleBundle } from '../testing/sample-bundle.js';
import { encodeFirst, preferredCodecs } from './codec-choice.js';
import { stageLayout } from './tensor-layout.js';

function manifestWith(change: (stages: Manifest['stages']) => void): Manifest {
  const contents = sampleBundle();
  const file = { path: 'a', bytes: 1, sha256: 'a'.repeat(64) };
  const stages = contents.stages.map(({ learned: _, ...stage }) => ({ ...stage, model: file }));
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

const quantised = { quantisation: { scale: 0.02, zeroPoint: 7 } };
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
});

test('the model’s own integers are only for activations that it quantises', () => {
  expect(() => namesOf({ codec: { ...codec, encoding: 'model8' } })).toThrow(
    'expected model8 only with a quantisation',
  );
  expect(() => manifestWith((stages) => Object.assign(stages.at(-1) as object, quantised))).toThrow(
    'expected none on the last stage',
  );
});

test('lossless allows float16 where that holds the values, and float32', () => {
  const choices = preferredCodecs(
    manifestWith(([first]) => Object.assign(first as object, { codec })),
    1,
    true,
  );
  const names = choices.map(({ codec: { name } }) => name);
  expect(names).toEqual(['float16+deflate', 'float16', 'float32+deflate', 'float32']);
  const encodingOf = (...values: number[]) =>
    encodeFirst(choices, { shape: [64] }, Float32Array.of(...values, ...new Float32Array(60))).encoding;
  expect(encodingOf(0.5, -3, 2 ** -24, 65_504)).toBe(Encoding.ENCODING_FLOAT16_DEFLATE);
  expect(encodingOf(0.5, -3, 2 ** -24, 0.1)).toBe(Encoding.ENCODING_FLOAT32_DEFLATE);
  expect(encodingOf(0.5, -3, 2 ** -24, 65_505)).toBe(Encoding.ENCODING_FLOAT32_DEFLATE);
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
