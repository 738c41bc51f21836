import { Bundle, checkTensor, elementsOf, type Manifest, stageLayout } from '@offramp/bundle';
import { Encoding } from '@offramp/contracts';
import { expect, test } from 'vitest';
import { exampleBundleDirectory } from '../testing/example.js';
import { SampleWriter } from './sample-writer.js';

const { manifest: example } = await Bundle.open(exampleBundleDirectory);
const { deviceStages } = example;
const file = { path: 'stages/codec.onnx', bytes: 1, sha256: '0'.repeat(64) };
const frequencies = [2 ** 12, 2 ** 13, 2 ** 12];
const symbols = 500;

/** The example with a learned codec at its default boundary. */
const manifest: Manifest = {
  ...example,
  stages: example.stages.map((stage, i) => {
    if (i !== deviceStages - 1) return stage;
    const tables = [{ symbols, lowest: -1, frequencies }];
    const measured = { meanBytes: 100, agreement: 1, agreementLost: 0 };
    return {
      ...stage,
      learned: { encoder: file, decoder: file, tables, encoderMacs: 1, decoderMacs: 1, ...measured },
    };
  }),
};
const thresholds = example.policy.thresholds;
const code = Float32Array.from({ length: symbols }, (_, i) => (i % 3) - 1);
const activation = Float32Array.from(
  { length: elementsOf(example.stages[deviceStages]?.inputShape ?? []) },
  (_, i) => (i % 50) / 10,
);
const everything = new Set(Object.values(Encoding).filter((value) => typeof value === 'number'));
const without = (...encodings: number[]) =>
  new Set([...everything].filter((each) => !encodings.includes(each)));

test('a worker that takes codes gets the code, from which it reads the same symbols', () => {
  const writer = new SampleWriter(manifest, deviceStages, false);
  const { stage, tensor } = writer.write({ activation, code, input: null }, thresholds, everything);
  expect(stage).toBe(deviceStages);
  expect(tensor.encoding).toBe(Encoding.ENCODING_LEARNED);
  const received = checkTensor('activation', stageLayout(manifest, stage), tensor);
  const read = new Float32Array(received.elements);
  received.decodeInto(read);
  expect(read).toEqual(code);
});

test.each([
  ['takes no codes', without(Encoding.ENCODING_LEARNED), Encoding.ENCODING_INT8_DEFLATE],
  ['takes float32 alone', new Set([Encoding.ENCODING_FLOAT32]), Encoding.ENCODING_FLOAT32],
])('a worker that %s gets values', (_, encodings, expected) => {
  const writer = new SampleWriter(manifest, deviceStages, false);
  const { tensor } = writer.write({ activation, code, input: null }, thresholds, encodings);
  expect(tensor.encoding).toBe(expected);
});

test('values go where there is no code, where it is none, and where nothing may be lost', () => {
  const writer = new SampleWriter(manifest, deviceStages, false);
  const broken = code.slice().fill(Number.NaN, 7, 8);
  for (const tensors of [
    { activation, input: null },
    { activation, code: broken, input: null },
  ]) {
    const { tensor } = writer.write(tensors, thresholds, everything);
    expect(tensor.encoding).toBe(Encoding.ENCODING_INT8_DEFLATE);
  }
  const lossless = new SampleWriter(manifest, deviceStages, false, true);
  const { tensor } = lossless.write({ activation, code, input: null }, thresholds, everything);
  expect(tensor.encoding).not.toBe(Encoding.ENCODING_LEARNED);
});

test('an input that takes fewer bytes than the code is sent instead, where that is allowed', async () => {
  const writer = new SampleWriter(manifest, deviceStages, true);
  const { mean, std } = example.input.preprocessing as { mean: number[]; std: number[] };
  const black = new Float32Array(elementsOf(example.input.shape)).fill(-(mean[0] ?? 0) / (std[0] ?? 1));
  const input = await writer.prepareInput({ input: black }, everything);
  const { stage, tensor } = writer.write({ activation, code, input }, thresholds, everything);
  expect(stage).toBe(0);
  expect(tensor.encoding).toBe(Encoding.ENCODING_UINT8_DEFLATE);
  const all = new Set([...everything, Encoding.ENCODING_WEBP]);
  const webp = (bytes: number) => {
    const packed = { encoding: Encoding.ENCODING_WEBP, data: new Uint8Array(bytes) };
    return writer.write({ activation, code, input: { values: black, packed } }, thresholds, all);
  };
  expect(webp(3)).toMatchObject({ stage: 0, tensor: { encoding: Encoding.ENCODING_WEBP } });
  expect(webp(9_000).tensor.encoding).toBe(Encoding.ENCODING_LEARNED);
});
