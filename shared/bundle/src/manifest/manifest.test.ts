import { describe, expect, it } from 'vitest';
import { sampleBundle } from '../testing/sample-bundle.js';
import { type Manifest, parseManifest } from './manifest.js';

function sampleManifest(): Manifest {
  const { calibration, stages, ...rest } = sampleBundle();
  const file = (path: string) => ({ path, bytes: 7, sha256: 'b'.repeat(64) });
  return {
    format: 'offramp-bundle',
    formatVersion: 1,
    ...rest,
    stages: stages.map(({ learned: _, ...stage }, i) => ({ ...stage, model: file(`stages/${i}.onnx`) })),
    calibration: { table: file('calibration.json'), samples: calibration.samples },
  };
}

/** The manifest with the value at a path, like `stages.0.branch`, replaced. */
function changed(path: string, value: unknown): unknown {
  const manifest: unknown = sampleManifest();
  const keys = path.split('.');
  const last = keys.pop() as string;
  const parent = keys.reduce((at, key) => (at as Record<string, unknown>)[key], manifest);
  (parent as Record<string, unknown>)[last] = value;
  return manifest;
}

const loss = { meanBytes: 100, agreement: 1, agreementLost: 0 };
const codec = { encoding: 'int8', ...loss };
const codecFile = { path: 'stages/0.encoder.onnx', bytes: 7, sha256: 'c'.repeat(64) };
const learned = (symbols: number, frequencies: number[] = [2 ** 13, 2 ** 13]) => ({
  ...{ encoder: codecFile, decoder: codecFile, encoderMacs: 1, decoderMacs: 2 },
  ...{ tables: [{ symbols, lowest: -1, frequencies }], ...loss },
});
const tooLarge = (shape: string) => `: expected at most 134217728 values in a sample; found ${shape}`;

const parse = (manifest: unknown) => parseManifest(JSON.stringify(manifest), 'manifest.json');

describe('parseManifest', () => {
  it('reads back what follows the schema', () => {
    expect(parse(sampleManifest())).toEqual(sampleManifest());
    const withCodec = changed('stages.0.learned', learned(8));
    expect(parse(withCodec)).toEqual(withCodec);
  });

  it.each([
    ['stages.1.branch', null, 'stages.1.branch: expected a branch on every stage but the last'],
    ['stages.2.branch', sampleManifest().stages[0]?.branch, 'stages.2.branch: expected a branch on every'],
    ['stages.0.activationShape', null, 'stages.0.activationShape: expected an activation from every stage'],
    ['stages.2.activationShape', [4], 'stages.2.activationShape: expected an activation from every stage'],
    [
      'stages.0.inputShape',
      [4, 4],
      'stages.0.inputShape: expected the activation of the stage before it, 1×4×4',
    ],
    [
      'stages.1.inputShape',
      [2, 2, 3],
      'stages.1.inputShape: expected the activation of the stage before it, 2×2×2',
    ],
    ['policy.thresholds', [0.5], 'policy.thresholds: expected 2, one per branch'],
    ['policy.thresholds', [0.5, -0.1], 'policy.thresholds.1: '],
    ['deviceStages', 4, 'deviceStages: expected at most 3, the number of stages'],
    ['deviceStages', 0, 'deviceStages: '],
    ['input.preprocessing.mean', [0, 0, 0], 'input.preprocessing.mean: expected 1 value, one per channel'],
    ['input.preprocessing.std', [1, 1], 'input.preprocessing.std: expected 1 value, one per channel'],
    ['input.preprocessing.std', [0], 'input.preprocessing.std.0: '],
    ['labels', ['one'], 'labels: '],
    ['stages', [], 'stages: '],
    ['stages.0.model.sha256', 'B'.repeat(64), 'stages.0.model.sha256: expected a SHA-256 in lower-case'],
    ['stages.0.model.bytes', 2 ** 31 + 1, 'stages.0.model.bytes: '],
    ['stages.0.inputShape', [1, 4, 4.5], 'stages.0.inputShape.2: '],
    ['stages.0.inputShape', [1, 60_000, 60_000], tooLarge('1×60000×60000')],
    ['stages.0.activationShape', [2 ** 27, 2], tooLarge('134217728×2')],
    [
      'stages.1.inputShape',
      new Array(8).fill(Number.MAX_SAFE_INTEGER),
      'stages.1.inputShape: expected at most',
    ],
    ['input.shape', [1, 60_000, 60_000], tooLarge('1×60000×60000')],
    ['input.preprocessing.std', [1e-320], 'input.preprocessing.std.0: '],
    ['input.preprocessing.std', [1e300], 'input.preprocessing.std.0: '],
    ['input.preprocessing.mean', [1e308], 'input.preprocessing.mean.0: '],
    ['input.preprocessing.mean', [-1e308], 'input.preprocessing.mean.0: '],
    ['policy.thresholds', [0.5, 1e39], 'policy.thresholds.1: '],
    ['stages.0.codec', { ...codec, step: 1e-320 }, 'stages.0.codec.step: '],
    ['stages.2.learned', learned(4), 'stages.2.learned: expected none on the last stage'],
    [
      'stages.0.learned',
      learned(9),
      'stages.0.learned.tables: expected no more symbols than the activation has elements; found 9',
    ],
    ['stages.0.learned', learned(0), 'stages.0.learned.tables.0.symbols: '],
    ['stages.0.learned', learned(8, []), 'stages.0.learned.tables.0.frequencies: '],
    [
      'stages.0.learned',
      learned(8, [1, 2]),
      'stages.0.learned.tables.0.frequencies: expected frequencies with the sum 16384',
    ],
    ['stages.0.learned', learned(8, [0, 2 ** 14]), 'stages.0.learned.tables.0.frequencies.0: '],
    ['stages.0.learned', learned(8, [0.5, 2 ** 14 - 0.5]), 'stages.0.learned.tables.0.frequencies.0: '],
    [
      'stages.0.learned',
      learned(8, new Array<number>(512).fill(32)),
      'stages.0.learned.tables.0.frequencies: ',
    ],
    ['stages.0.learned', { ...learned(8), tables: [] }, 'stages.0.learned.tables: '],
    ['stages.0.pictures', [], 'stages.0.pictures: '],
    ['stages.0.pictures', [{ form: 'jpeg', ...loss }], 'stages.0.pictures.0.quality: '],
    ['stages.1.pictures', [{ form: 'webp', quality: 101, ...loss }], 'stages.1.pictures.0.quality: '],
    ['stages.0.pictures', [{ form: 'webp-lossless', quality: 90, ...loss }], 'quality'],
    ['stages.0.pictures', [{ form: 'avif', quality: 90, ...loss }], 'stages.0.pictures.0.form: '],
    ['backbone.macs', 0, 'backbone.macs: '],
    ['formatVersion', 2, 'formatVersion: '],
    ['unheardOf', true, 'unheardOf'],
  ])('refuses %s = %j', (path, value, message) => {
    expect(() => parse(changed(path, value))).toThrow(message);
    expect(() => parse(changed(path, value))).toThrow(
      expect.objectContaining({ code: 'BUNDLE_INVALID', message: expect.stringContaining('manifest.json ') }),
    );
  });

  it.each([
    [[64], undefined],
    [[3, 256], { mean: [0.1, 0.2, 9.81], std: [1] }],
    [[256, 3], { mean: [1, 2, 3], std: [1, 2, 3], channelAxis: 'last' }],
    [[1, 64, 96], { mean: [-4.3e7], std: [4.6e-9] }],
  ])(
    'takes tensors of any rank up to 3, and the preprocessing that they may have: %j',
    (shape, preprocessing) => {
      const input = preprocessing ? { kind: 'tensor', shape, preprocessing } : { kind: 'tensor', shape };
      const manifest = changed('input', input) as Manifest;
      (manifest.stages[0] as Manifest['stages'][number]).inputShape = shape;
      expect(parse(manifest)).toEqual(manifest);
    },
  );

  it.each([
    [{ kind: 'tensor', shape: [2, 3, 4, 5] }, 'input.shape: '],
    [{ kind: 'tensor', shape: [] }, 'input.shape: '],
    [
      { kind: 'tensor', shape: [3, 256], preprocessing: { mean: [0, 0], std: [1] } },
      'input.preprocessing.mean: expected 1 value, or 3, the first dimension of 3×256; found 2',
    ],
    [
      { kind: 'tensor', shape: [3, 256], preprocessing: { mean: [0], std: [1, 1, 1], channelAxis: 'last' } },
      'input.preprocessing.std: expected 1 value, or 256, the last dimension of 3×256; found 3',
    ],
    [{ kind: 'tensor', shape: [3], preprocessing: { mean: [0], std: [0] } }, 'input.preprocessing.std.0: '],
    [{ shape: [3, 256], preprocessing: { mean: [0], std: [1] } }, 'input.shape: '],
    [{ kind: 'sound', shape: [3, 256] }, 'input.kind: '],
  ])('refuses the input %j', (input, message) => {
    expect(() => parse(changed('input', input))).toThrow(message);
  });

  it.each([
    { kind: 'tensor', shape: [1, 4, 4] },
    { shape: [4, 4, 4], preprocessing: { mean: [0, 0, 0, 0], std: [1, 1, 1, 1] } },
  ])('refuses packings of pictures for the input %j', (input) => {
    const manifest = changed('stages.0.pictures', [{ form: 'webp-lossless', ...loss }]) as Manifest;
    expect(parse(manifest)).toEqual(manifest);
    expect(() => parse({ ...manifest, input })).toThrow(
      'stages.0.pictures: expected none where the input is not a grey or RGB picture',
    );
  });

  it('names several wrong fields at once', () => {
    const manifest = { ...sampleManifest(), deviceStages: 9, policy: { thresholds: [], targetAgreement: 1 } };
    expect(() => parse(manifest)).toThrow(/policy\.thresholds: .*; deviceStages: /);
  });

  it.each(['', '{', 'null', '[]', '"text"'])('refuses the text %j', (text) => {
    expect(() => parseManifest(text, 'manifest.json')).toThrow(
      expect.objectContaining({ code: 'BUNDLE_INVALID' }),
    );
  });
});
