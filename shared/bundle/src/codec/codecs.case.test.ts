import { describe, expect, it } from 'vitest';
import { elementsOf } from '../shape.js';
import type { ActivationCodec, Quantiser } from './activation-codec.js';
import { checkTensor, codecFor, codecs, decodeTensor, encodeTensor } from './codecs.js';

const shapes = [[1], [2], [3], [7], [1_000], [2, 3], [3, 1, 1], [5, 7, 7], [2, 1, 33], [70, 2, 2], [4, 40]];

interface Kind {
  codec: ActivationCodec;
  quantiser?: Quantiser;
  /** The largest error of an element, given the range of its tensor. */
  errorFor(range: number, value: number): number;
  exact: boolean;
}

const codecNamed = (name: string) => codecs.find((codec) => codec.name === name) as ActivationCodec;

const kinds: [string, Kind][] = ['', '+deflate'].flatMap((suffix): [string, Kind][] => [
  [`float32${suffix}`, { codec: codecNamed(`float32${suffix}`), errorFor: () => 0, exact: true }],
  [
    `float16${suffix}`,
    {
      codec: codecNamed(`float16${suffix}`),
      errorFor: (_, value) => Math.abs(value) * 2 ** -11 + 2 ** -25,
      exact: false,
    },
  ],
  // Half a scale, which is rounded up by at most 1/128; one code goes to the rounding of the zero point.
  [
    `int8${suffix}`,
    { codec: codecNamed(`int8${suffix}`), errorFor: (range) => (range / 254) * 0.51, exact: false },
  ],
  [
    `int4${suffix}`,
    { codec: codecNamed(`int4${suffix}`), errorFor: (range) => (range / 14) * 0.51, exact: false },
  ],
  // At a common scale: half of that, as long as nothing is clipped.
  [
    `int8${suffix}, common scale`,
    {
      codec: codecNamed(`int8${suffix}`),
      quantiser: { step: 0.1 },
      errorFor: (range) => 0.1 * range * 0.51,
      exact: false,
    },
  ],
]);

/** Seeded, so that a failure is reproducible: between -1 and 1, mostly zero where `sparse`. */
function pseudoRandom(length: number, sparse = false): Float32Array {
  let state = 12_345;
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
  return Float32Array.from({ length }, () => {
    const value = next() * 2 - 1;
    return sparse ? Math.max(0, value * 2 - 1.4) : value;
  });
}

/** What every codec of activations guarantees, lossless or not. */
describe.each(kinds)('codec %s', (_, { codec, quantiser = {}, errorFor, exact }) => {
  const roundTrip = (values: Float32Array, shape: readonly number[] = [values.length]): Float32Array =>
    decodeTensor('activation', { shape }, encodeTensor(codec, { shape }, values, quantiser));

  it('is found by its encoding', () => {
    expect(codecFor(codec.encoding)).toBe(codec);
  });

  it.each(shapes.map((shape) => [shape]))('gives back elements of %j within its bound, in order', (shape) => {
    for (const sparse of [false, true]) {
      const values = pseudoRandom(elementsOf(shape), sparse);
      const range = Math.max(...values, 0) - Math.min(...values, 0);
      roundTrip(values, shape).forEach((value, i) => {
        const expected = values[i] as number;
        expect(Math.abs(value - expected)).toBeLessThanOrEqual(errorFor(range, expected) + 1e-7);
      });
    }
  });

  it.each(shapes.map((shape) => [shape]))('never takes more for %j than it said', (shape) => {
    for (const values of [pseudoRandom(elementsOf(shape)), pseudoRandom(elementsOf(shape), true)]) {
      const { data } = encodeTensor(codec, { shape }, values, quantiser);
      expect(data.byteLength).toBeLessThanOrEqual(codec.maxEncodedBytes({ shape }));
    }
  });

  it('takes a tensor of no elements', () => {
    expect(roundTrip(new Float32Array(0), [0])).toHaveLength(0);
    expect(roundTrip(new Float32Array(0), [3, 0, 2])).toHaveLength(0);
  });

  it('keeps zeros zero', () => {
    expect(roundTrip(new Float32Array(100), [4, 25])).toEqual(new Float32Array(100));
    const values = Float32Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? i - 40 : 0));
    roundTrip(values, [1, 100]).forEach((value, i) => {
      if (values[i] === 0) expect(value).toBe(0);
    });
  });

  it('keeps small differences far from zero apart from each other', () => {
    const values = Float32Array.from({ length: 64 }, (_, i) => 1_000 + i);
    roundTrip(values, [1, 64]).forEach((value, i) => {
      expect(Math.abs(value - (values[i] as number))).toBeLessThanOrEqual(
        quantiser.step === undefined ? errorFor(63, 1_063) : errorFor(1_063, 1_063),
      );
    });
  });

  it.each([0.3, -7, 1e-30, 6e4, 1e-42])('keeps a constant of %d', (constant) => {
    const bound = Math.abs(constant) / 10_000 + errorFor(0, constant);
    for (const value of roundTrip(new Float32Array(50).fill(constant), [2, 25])) {
      // At a common scale a constant is its own root mean square.
      const tolerance =
        quantiser.step === undefined ? bound : (Math.abs(constant) * quantiser.step) / 2 + bound;
      expect(Math.abs(value - constant)).toBeLessThanOrEqual(tolerance * 1.02 + 1e-40);
    }
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2e12, -3.4e38])(
    'is refused with %d among the elements',
    (value) => {
      const values = pseudoRandom(100);
      values[57] = value;
      expect(() => roundTrip(values)).toThrow(
        expect.objectContaining({
          code: 'TENSOR_INVALID',
          message: expect.stringMatching(/: expected numbers from -1000000000000 to 1000000000000, found /),
        }),
      );
    },
  );

  it('keeps finite values finite', () => {
    const most = 5e11;
    for (const values of [Float32Array.of(most, 0), Float32Array.of(-most, most), Float32Array.of(65_519)]) {
      roundTrip(values).forEach((value, i) => {
        expect(Math.abs(value / (values[i] as number) - 1) || 0).toBeLessThan(0.01);
      });
    }
  });

  it('reads and writes views into larger buffers, and leaves the surrounding bytes alone', () => {
    const whole = new Float32Array(66).fill(9);
    whole.set(pseudoRandom(64), 1);
    const before = whole.slice();
    const { data, ...tensor } = encodeTensor(codec, { shape: [64] }, whole.subarray(1, 65), quantiser);
    expect(whole).toEqual(before);
    // At an odd offset, as in a message that holds other fields.
    const message = new Uint8Array(data.length + 4).fill(255);
    message.set(data, 3);
    const into = new Float32Array(66).fill(5);
    const view = { ...tensor, data: message.subarray(3, 3 + data.length) };
    checkTensor('activation', { shape: [64] }, view).decodeInto(into.subarray(1, 65));
    expect([into[0], into[65]]).toEqual([5, 5]);
    expect(into.subarray(1, 65)).toEqual(roundTrip(whole.slice(1, 65)));
  });

  it('hands out bytes of its own', () => {
    const values = pseudoRandom(40);
    const { data } = encodeTensor(codec, { shape: [40] }, values, quantiser);
    const before = [...data];
    values.fill(7);
    encodeTensor(codec, { shape: [40] }, values, quantiser);
    expect([...data]).toEqual(before);
  });

  it('loses nothing more when it is repeated', () => {
    const once = roundTrip(pseudoRandom(5 * 49), [5, 7, 7]);
    const twice = roundTrip(once, [5, 7, 7]);
    if (exact) expect(once).toEqual(pseudoRandom(5 * 49));
    twice.forEach((value, i) => {
      expect(Math.abs(value - (once[i] as number))).toBeLessThanOrEqual(errorFor(2, 1) + 1e-7);
    });
  });
});
