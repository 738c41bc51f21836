import { Encoding } from '@offramp/contracts';
import { describe, expect, it } from 'vitest';
import { type PictureInput, sampleValues, type TensorInput } from '../manifest/input-specification.js';
import { elementsOf } from '../shape.js';
import type { ActivationCodec } from './activation-codec.js';
import { codecs, decodeTensor, encodeTensor } from './codecs.js';

const input: PictureInput = {
  shape: [3, 5, 7],
  preprocessing: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
};
const layout = { shape: input.shape, input };

describe.each([['uint8'], ['uint8+deflate']])('%s', (name) => {
  const codec = codecs.find((each) => each.name === name) as ActivationCodec;
  const elements = elementsOf(input.shape);
  const tables = sampleValues(input);
  const area = elements / 3;
  const picture = (sampleAt: (i: number) => number) =>
    Float32Array.from(
      { length: elements },
      (_, i) => tables[Math.floor(i / area)]?.[sampleAt(i)] ?? Number.NaN,
    );

  it.each([
    ['every sample', (i: number) => (i * 37) % 256],
    ['a ramp', (i: number) => 2 * i],
    ['black', () => 0],
    ['white', () => 255],
  ])('gives back an input exactly: %s', (_, sampleAt) => {
    const values = picture(sampleAt);
    const tensor = encodeTensor(codec, layout, values);
    expect([5, 21]).toContain(tensor.encoding);
    expect(tensor.data.byteLength).toBeLessThanOrEqual(elements);
    expect(decodeTensor('input', layout, tensor)).toEqual(values);
  });

  it('leaves values that no sample produces to float32', () => {
    const values = picture(() => 7);
    values[50] = (values[50] as number) + 1e-6;
    const tensor = encodeTensor(codec, layout, values);
    expect(tensor.encoding).toBe(Encoding.ENCODING_FLOAT32);
    expect(decodeTensor('input', layout, tensor)).toEqual(values);
    values[50] = Number.NaN;
    expect(encodeTensor(codec, layout, values).encoding).toBe(Encoding.ENCODING_FLOAT32);
  });

  it('counts as the preprocessing does, in pixels too', () => {
    const raw: PictureInput = {
      shape: [1, 4, 64],
      preprocessing: { scale: 'raw', mean: [127.5], std: [3.7] },
    };
    const values = Float32Array.from({ length: 256 }, (_, i) => (i - 127.5) / 3.7);
    const tensor = encodeTensor(codec, { shape: raw.shape, input: raw }, values);
    expect(decodeTensor('input', { shape: raw.shape, input: raw }, tensor)).toEqual(values);
  });

  it('is no encoding of activations, nor of inputs that are no pictures', () => {
    const tensor = { shape: [6], encoding: codec.encoding, data: new Uint8Array(6) };
    const numbers: TensorInput = { kind: 'tensor', shape: [6] };
    for (const [layout, purpose] of [
      [{ shape: [6] }, `activations, found ${name}, which is for the input of stage 0`],
      [{ shape: [6], input: numbers }, `inputs, found ${name}, which is for pictures`],
    ] as const) {
      expect(() => decodeTensor('a tensor', layout, tensor)).toThrow(
        `a tensor: expected an encoding of ${purpose}`,
      );
      const encoded = encodeTensor(codec, layout, new Float32Array(6));
      expect(encoded.encoding).toBe(Encoding.ENCODING_FLOAT32);
    }
  });
});
