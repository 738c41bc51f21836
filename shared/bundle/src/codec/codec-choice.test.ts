import { expect, test } from 'vitest';
import { type Manifest, manifestSchema } from '../manifest/manifest.js';
import { sampleBundle } from '../testing/sample-bundle.js';
import { carriedRows, preferredCodecs } from './codec-choice.js';

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

test('lossless allows only float32', () => {
  const manifest = manifestWith(([first]) => Object.assign(first as object, { codec }));
  const names = preferredCodecs(manifest, 1, true).map(({ codec: { name } }) => name);
  expect(names).toEqual(['float32+deflate', 'float32']);
});

test('rows that carry an answer are told apart from the activation', () => {
  const reusing = manifestWith(([, second]) => {
    if (second?.branch) second.branch.reuse = true;
  });
  expect(carriedRows(reusing, 1)).toBe(1);
  expect(carriedRows(reusing, 2)).toBe(0);
  expect(
    carriedRows(
      manifestWith(() => {}),
      1,
    ),
  ).toBe(0);
});

test('the last stage has no activation to encode', () => {
  expect(() => manifestWith((stages) => Object.assign(stages.at(-1) as object, { codec }))).toThrow(
    'expected none on the last stage',
  );
});
