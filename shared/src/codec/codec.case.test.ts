import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type InputSpecification, sampleValues } from '../data/preprocess.js';
import { elementsOf } from '../shape.js';
import { Encoding, type TensorMessage } from '../wire/messages.js';
import { type ActivationCodec, checkTensor, codecFor, codecs, decodeTensor, encodeTensor } from './codec.js';
import type { Quantiser } from './fixed-size-codec.js';

const shapes = [[1], [2], [3], [7], [1_000], [2, 3], [3, 1, 1], [5, 7, 7], [2, 1, 33], [70, 2, 2], [4, 40]];

const input: InputSpecification = {
  shape: [3, 5, 7],
  preprocessing: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
};

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

/** Seeded, so that a failure comes back: between -1 and 1, mostly zero where `sparse`. */
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

/** What every codec of activations must do, whatever it loses of the values. */
describe.each(kinds)('codec %s', (_, { codec, quantiser = {}, errorFor, exact }) => {
  const roundTrip = (values: Float32Array, shape: readonly number[] = [values.length]): Float32Array =>
    decodeTensor('activation', shape, encodeTensor(codec, shape, values, { quantiser }));

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
      const { data } = encodeTensor(codec, shape, values, { quantiser });
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

  it('keeps what is no number apart from what is', () => {
    const values = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1);
    const [nan, positive, negative, one] = roundTrip(values);
    expect(nan).toBeNaN();
    expect(positive).toBe(Number.POSITIVE_INFINITY);
    expect(negative).toBe(Number.NEGATIVE_INFINITY);
    expect(one).toBeCloseTo(1, 2);
  });

  it('does not make infinite what is finite', () => {
    const most = 3.4028234663852886e38;
    for (const values of [Float32Array.of(most, 0), Float32Array.of(-most, most), Float32Array.of(65_519)]) {
      roundTrip(values).forEach((value, i) => {
        expect(Math.abs(value / (values[i] as number) - 1) || 0).toBeLessThan(0.01);
      });
    }
  });

  it('reads and writes views into larger buffers, and leaves what is around them', () => {
    const whole = new Float32Array(66).fill(9);
    whole.set(pseudoRandom(64), 1);
    const before = whole.slice();
    const { data, ...tensor } = encodeTensor(codec, [64], whole.subarray(1, 65), { quantiser });
    expect(whole).toEqual(before);
    // At an odd offset, as in a message that holds other fields.
    const message = new Uint8Array(data.length + 4).fill(255);
    message.set(data, 3);
    const into = new Float32Array(66).fill(5);
    const view = { ...tensor, data: message.subarray(3, 3 + data.length) };
    checkTensor('activation', [64], view).decodeInto(into.subarray(1, 65));
    expect([into[0], into[65]]).toEqual([5, 5]);
    expect(into.subarray(1, 65)).toEqual(roundTrip(whole.slice(1, 65)));
  });

  it('hands out bytes of its own', () => {
    const values = pseudoRandom(40);
    const { data } = encodeTensor(codec, [40], values, { quantiser });
    const before = [...data];
    values.fill(7);
    encodeTensor(codec, [40], values, { quantiser });
    expect([...data]).toEqual(before);
  });

  it('loses nothing, or nothing more when it is repeated', () => {
    const once = roundTrip(pseudoRandom(5 * 49), [5, 7, 7]);
    const twice = roundTrip(once, [5, 7, 7]);
    if (exact) expect(once).toEqual(pseudoRandom(5 * 49));
    twice.forEach((value, i) => {
      expect(Math.abs(value - (once[i] as number))).toBeLessThanOrEqual(errorFor(2, 1) + 1e-7);
    });
  });
});

const layouts = codecs.map((codec) => {
  const samples = codec.name.startsWith('uint8');
  return [
    codec.name,
    { codec, shape: samples ? [...input.shape] : [2, 3], specification: samples ? input : undefined },
  ] as const;
});

/** What no codec may do with what comes over the wire. */
describe.each(layouts)('bytes that claim to be %s', (name, { codec, shape, specification }) => {
  const tensorOf = (data: Uint8Array): TensorMessage => ({ shape, encoding: codec.encoding, data });
  const decode = (tensor: TensorMessage) => decodeTensor('activation', shape, tensor, specification);
  const most = codec.maxEncodedBytes({ shape });
  const invalid = expect.objectContaining({ code: 'TENSOR_INVALID' });

  it.each([
    ['one byte too long', most + 1],
    ['much too long', most + 1_000_000],
    ['empty', 0],
  ])('are refused when they are %s', (_, length) => {
    expect(() => decode(tensorOf(new Uint8Array(length)))).toThrow(invalid);
  });

  if (name.endsWith('+deflate')) {
    const bytes = specification
      ? elementsOf(shape) + 1
      : codecFor(codec.encoding - 16).maxEncodedBytes({ shape });

    it('are refused when they are no DEFLATE, or end early', () => {
      expect(() => decode(tensorOf(new Uint8Array(5).fill(255)))).toThrow(invalid);
      expect(() => decode(tensorOf(deflateRawSync(new Uint8Array(bytes)).subarray(0, -1)))).toThrow(invalid);
    });

    it.each([
      ['one byte more', bytes + 1],
      ['one byte less', bytes - 1],
      ['nothing', 0],
    ])('are refused when they inflate to %s', (_, length) => {
      const data = deflateRawSync(new Uint8Array(length));
      expect(data.byteLength).toBeLessThanOrEqual(most);
      expect(() => decode(tensorOf(data))).toThrow(invalid);
    });
  } else {
    it('are refused when they are one byte short, naming what was expected', () => {
      expect(() => decode(tensorOf(new Uint8Array(most - 1)))).toThrow(
        expect.objectContaining({
          code: 'TENSOR_INVALID',
          message: `activation: expected ${most} bytes of ${name}, found ${most - 1}`,
        }),
      );
    });
  }

  it('give some values whatever they are, or are refused', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const data = Uint8Array.from(
        { length: Math.min(most, seed) },
        (_, i) => Math.imul(seed * 7_919 + i, 2_654_435_761) >>> 24,
      );
      try {
        expect(decode(tensorOf(data))).toHaveLength(elementsOf(shape));
      } catch (error) {
        expect(error).toEqual(invalid);
      }
    }
  });

  it.each([[[6]], [[3, 2]], [[2, 3, 1]], [[]], [[2, -3]], [[2 ** 31, 2 ** 31]], [[Number.NaN, 3]]])(
    'are refused with the shape %j where another one is expected',
    (claimed) => {
      const tensor = { shape: claimed, encoding: codec.encoding, data: new Uint8Array(most) };
      expect(() => decode(tensor)).toThrow(
        expect.objectContaining({
          code: 'TENSOR_INVALID',
          message: expect.stringContaining(`activation: expected shape ${shape.join('×')}, found `),
        }),
      );
    },
  );
});

describe('a decompression bomb', () => {
  const bombBytes = 2 ** 26;
  const bomb = deflateRawSync(new Uint8Array(bombBytes));

  it.each(['float32+deflate', 'float16+deflate', 'int8+deflate', 'int4+deflate'])(
    'in %s is refused before more than the tensor has been made of it',
    (name) => {
      const codec = codecNamed(name);
      const tensor = { shape: [4, 65_536], encoding: codec.encoding, data: bomb };
      expect(bomb.byteLength).toBeLessThanOrEqual(codec.maxEncodedBytes(tensor));
      const before = process.memoryUsage().arrayBuffers;
      expect(() => decodeTensor('activation', tensor.shape, tensor)).toThrow(/expected \d+ bytes in /);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bombBytes / 4);
    },
  );
});

describe.each([['uint8'], ['uint8+deflate']])('%s', (name) => {
  const codec = codecNamed(name);
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
    const tensor = encodeTensor(codec, input.shape, values, { input });
    expect([5, 21]).toContain(tensor.encoding);
    expect(tensor.data.byteLength).toBeLessThanOrEqual(elements);
    expect(decodeTensor('input', input.shape, tensor, input)).toEqual(values);
  });

  it('leaves to float32 what no sample gives', () => {
    const values = picture(() => 7);
    values[50] = (values[50] as number) + 1e-6;
    const tensor = encodeTensor(codec, input.shape, values, { input });
    expect(tensor.encoding).toBe(Encoding.ENCODING_FLOAT32);
    expect(decodeTensor('input', input.shape, tensor, input)).toEqual(values);
    values[50] = Number.NaN;
    expect(encodeTensor(codec, input.shape, values, { input }).encoding).toBe(Encoding.ENCODING_FLOAT32);
  });

  it('counts as the preprocessing does, in pixels too', () => {
    const raw: InputSpecification = {
      shape: [1, 4, 64],
      preprocessing: { scale: 'raw', mean: [127.5], std: [3.7] },
    };
    const values = Float32Array.from({ length: 256 }, (_, i) => (i - 127.5) / 3.7);
    const tensor = encodeTensor(codec, raw.shape, values, { input: raw });
    expect(decodeTensor('input', raw.shape, tensor, raw)).toEqual(values);
  });

  it('is no encoding of activations', () => {
    const tensor = { shape: [6], encoding: codec.encoding, data: new Uint8Array(6) };
    expect(() => decodeTensor('input of stage 1', [6], tensor)).toThrow(
      `input of stage 1: expected an encoding of activations, found ${name}, which is for the input of stage 0`,
    );
    expect(encodeTensor(codec, [6], new Float32Array(6)).encoding).toBe(Encoding.ENCODING_FLOAT32);
  });
});

describe('decodeTensor', () => {
  it.each([[null], [undefined]])('refuses %s', (tensor) => {
    expect(() => decodeTensor('input', [1], tensor)).toThrow(
      expect.objectContaining({ code: 'TENSOR_INVALID', message: 'input: is missing' }),
    );
  });

  it.each([[0], [99], [-1], [undefined]])(
    'refuses the encoding %s, and names those there are',
    (encoding) => {
      const tensor = { shape: [1], data: new Uint8Array(4), ...(encoding === undefined ? {} : { encoding }) };
      expect(() => decodeTensor('input', [1], tensor)).toThrow(
        expect.objectContaining({
          code: 'TENSOR_INVALID',
          message: expect.stringMatching(
            new RegExp(`^encoding: expected one of 1 \\(float32\\), .*, found ${encoding ?? 0}$`),
          ),
        }),
      );
    },
  );

  it('refuses an empty message', () => {
    expect(() => decodeTensor('input', [1], {})).toThrow('input: expected shape 1, found scalar');
    expect(() => decodeTensor('input', [1], { shape: [1], encoding: 1 })).toThrow('found 0');
  });
});
