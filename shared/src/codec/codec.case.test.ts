import { describe, expect, it } from 'vitest';
import { type ActivationCodec, codecFor, codecs, decodeTensor, encodeTensor } from './codec.js';

/** What every codec must do, whatever it loses of the values. */
describe.each(codecs.map((codec) => [codec.name, codec] as const))('codec %s', (_, codec) => {
  const roundTrip = (values: Float32Array): Float32Array => {
    const into = new Float32Array(values.length);
    codec.decode(codec.encode(values), into);
    return into;
  };

  it('is found by its encoding', () => {
    expect(codecFor(codec.encoding)).toBe(codec);
  });

  it.each([0, 1, 2, 3, 7, 1_000])('writes %d elements into exactly the bytes it said', (elements) => {
    expect(codec.encode(new Float32Array(elements))).toHaveLength(codec.encodedBytes(elements));
    expect(roundTrip(new Float32Array(elements))).toEqual(new Float32Array(elements));
  });

  it('gives back values and their order', () => {
    const values = Float32Array.from({ length: 257 }, (_, i) => (i - 128) / 64);
    roundTrip(values).forEach((value, i) => {
      expect(value).toBeCloseTo(values[i] as number, 1);
    });
  });

  it('keeps what is no number apart from what is', () => {
    const values = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1);
    const [nan, positive, negative, one] = roundTrip(values);
    expect(nan).toBeNaN();
    expect(positive).toBe(Number.POSITIVE_INFINITY);
    expect(negative).toBe(Number.NEGATIVE_INFINITY);
    expect(one).toBeCloseTo(1, 2);
  });

  it('reads and writes views into larger buffers, and leaves what is around them', () => {
    const whole = Float32Array.of(9, 1, 2, 9);
    const encoded = codec.encode(whole.subarray(1, 3));
    expect(whole).toEqual(Float32Array.of(9, 1, 2, 9));
    // At an odd offset, as in a message that holds other fields.
    const message = new Uint8Array(encoded.length + 3);
    message.set(encoded, 3);
    const into = new Float32Array(4).fill(5);
    codec.decode(message.subarray(3), into.subarray(1, 3));
    expect([...into]).toEqual([5, expect.closeTo(1, 1), expect.closeTo(2, 1), 5]);
  });

  it('hands out bytes of its own', () => {
    const values = Float32Array.of(1, 2);
    const encoded = codec.encode(values);
    const before = [...encoded];
    values.fill(7);
    expect([...encoded]).toEqual(before);
  });

  it('is read as the tensor that was written', () => {
    const tensor = encodeTensor(codec, [2, 1, 3], Float32Array.of(0, 1, 2, 3, 4, 5));
    expect(tensor).toMatchObject({ shape: [2, 1, 3], encoding: codec.encoding });
    expect(decodeTensor('activation', [2, 1, 3], tensor)).toHaveLength(6);
  });

  it.each([
    ['one byte short', (bytes: number) => bytes - 1],
    ['one byte long', (bytes: number) => bytes + 1],
    ['empty', () => 0],
    ['much too long', (bytes: number) => bytes + 1_000_000],
  ])('refuses data that is %s', (_, lengthOf) => {
    const bytes = codec.encodedBytes(6);
    const tensor = { shape: [6], encoding: codec.encoding, data: new Uint8Array(lengthOf(bytes)) };
    expect(() => decodeTensor('activation', [6], tensor)).toThrow(
      expect.objectContaining({
        code: 'TENSOR_INVALID',
        message: `activation: expected ${bytes} bytes of ${codec.name}, found ${lengthOf(bytes)}`,
      }),
    );
  });

  it.each([[[6]], [[3, 2]], [[2, 3, 1]], [[]], [[2, -3]], [[2 ** 31, 2 ** 31]], [[Number.NaN, 3]]])(
    'refuses the shape %j where 2×3 is expected',
    (shape) => {
      const tensor = { shape, encoding: codec.encoding, data: new Uint8Array(codec.encodedBytes(6)) };
      expect(() => decodeTensor('activation', [2, 3], tensor)).toThrow(
        expect.objectContaining({
          code: 'TENSOR_INVALID',
          message: expect.stringContaining('activation: expected shape 2×3, found '),
        }),
      );
    },
  );
});

describe('decodeTensor', () => {
  const float32 = codecFor(1) as ActivationCodec;

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
          message: `encoding: expected one of 1 (float32), found ${encoding ?? 0}`,
        }),
      );
    },
  );

  it('refuses an empty message', () => {
    expect(() => decodeTensor('input', [1], {})).toThrow('input: expected shape 1, found scalar');
    expect(() => decodeTensor('input', [1], { shape: [1], encoding: float32.encoding })).toThrow('found 0');
  });
});
