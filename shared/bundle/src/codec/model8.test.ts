import { Encoding } from '@offramp/contracts';
import { describe, expect, it, test } from 'vitest';
import type { ActivationQuantisation } from '../manifest/manifest.js';
import type { ActivationCodec } from './activation-codec.js';
import { codecs, decodeTensor, encodeTensor } from './codecs.js';
import type { TensorLayout } from './tensor-layout.js';

// A scale that float32 holds, as those of models are.
const quantisation: ActivationQuantisation = { scale: Math.fround(0.0123), zeroPoint: 117 };
const shape = [4, 8, 8];
const layout: TensorLayout = { shape, quantisation };

/** What a model gives: (integer − zero point) × scale, in float32. */
const activation = (codeAt: (i: number) => number, { scale, zeroPoint } = quantisation) =>
  Float32Array.from({ length: 256 }, (_, i) => Math.fround((codeAt(i) - zeroPoint) * scale));

describe.each([['model8'], ['model8+deflate']])('%s', (name) => {
  const codec = codecs.find((each) => each.name === name) as ActivationCodec;

  it.each([
    ['every integer', (i: number) => i],
    ['the same', () => 117],
    ['mostly zero', (i: number) => (i % 9 === 0 ? i : 117)],
  ])('gives back what the model quantised, exactly: %s', (_, codeAt) => {
    for (const scale of [quantisation.scale, Math.fround(1 / 3), Math.fround(1e-12), Math.fround(7e8)]) {
      const own: TensorLayout = { shape, quantisation: { ...quantisation, scale } };
      const values = activation(codeAt, { ...quantisation, scale });
      const tensor = encodeTensor(codec, own, values);
      expect([Encoding.ENCODING_MODEL8, Encoding.ENCODING_MODEL8_DEFLATE]).toContain(tensor.encoding);
      expect(tensor.data.byteLength).toBeLessThanOrEqual(256);
      expect(decodeTensor('activation', own, tensor)).toEqual(values);
    }
  });

  it('gives back rows that carry an answer as float32', () => {
    const carrying = { ...layout, carriedRows: 1 };
    const values = activation((i) => (i * 3) % 256);
    values.set([0.1, 0.25, 1 / 3, 0], 192);
    const tensor = encodeTensor(codec, carrying, values);
    expect(tensor.data.byteLength).toBeLessThanOrEqual(192 + 4 * 64);
    expect(decodeTensor('activation', carrying, tensor)).toEqual(values);
  });

  it('leaves values that the scale does not give to float32', () => {
    for (const value of [0.005, quantisation.scale * 139, -quantisation.scale * 118, Number.NaN]) {
      const values = activation(() => 5);
      values[40] = value;
      expect(encodeTensor(codec, layout, values).encoding).toBe(Encoding.ENCODING_FLOAT32);
    }
  });

  it('is only for activations that the model quantises', () => {
    const tensor = { shape: [6], encoding: codec.encoding, data: new Uint8Array(6) };
    expect(() => decodeTensor('input of stage 1', { shape: [6] }, tensor)).toThrow(
      `input of stage 1: expected an encoding of activations, found ${name}, which is for activations that the model itself quantises to 8 bits`,
    );
    expect(encodeTensor(codec, { shape: [6] }, new Float32Array(6)).encoding).toBe(Encoding.ENCODING_FLOAT32);
  });
});

test('carried rows that are not numbers are refused', () => {
  const carrying = { shape: [2, 2], quantisation, carriedRows: 1 };
  const data = new Uint8Array(2 + 8).fill(255);
  expect(() =>
    decodeTensor('activation', carrying, { shape: [2, 2], encoding: Encoding.ENCODING_MODEL8, data }),
  ).toThrow(/expected numbers from .* found NaN/);
});
