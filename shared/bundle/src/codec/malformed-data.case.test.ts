import { deflateRawSync } from 'node:zlib';
import { type TensorMessage, v1 } from '@offramp/contracts';
import { decoded } from '@offramp/contracts/testing';
import { describe, expect, it } from 'vitest';
import { elementsOf } from '../shape.js';
import type { ActivationCodec } from './activation-codec.js';
import { codecFor, codecs, decodeTensor } from './codecs.js';
import { learned } from './learned.js';
import type { TensorLayout } from './tensor-layout.js';

const shape = [3, 5, 7];
/** What codecs that are not for any activation need to know. */
const known: readonly [name: string, layout: TensorLayout][] = [
  [
    'uint8',
    {
      shape,
      input: { shape: [3, 5, 7], preprocessing: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } },
    },
  ],
  [
    'learned',
    {
      shape,
      code: [
        { symbols: 40, lowest: -3, frequencies: [1, 2 ** 13 - 1, 2 ** 13] },
        { symbols: 20, lowest: 0, frequencies: [2 ** 14] },
      ],
    },
  ],
  ['model8', { shape, quantisation: { scale: 1e10, zeroPoint: 3 }, carriedRows: 1 }],
];

const layouts = codecs.map((codec) => {
  const layout = known.find(([name]) => codec.name.startsWith(name))?.[1] ?? { shape: [2, 3] };
  return [codec.name, { codec, layout }] as const;
});

/** How every codec treats malformed data. */
describe.each(layouts)('bytes that claim to be %s', (name, { codec, layout }) => {
  const shape = [...layout.shape];
  const tensorOf = (data: Uint8Array): TensorMessage => ({ shape, encoding: codec.encoding, data });
  const decode = (tensor: TensorMessage) => decodeTensor('activation', layout, tensor);
  const most = codec.maxEncodedBytes(layout);
  const invalid = expect.objectContaining({ code: 'TENSOR_INVALID' });

  it.each([
    ['one byte too long', most + 1],
    ['much too long', most + 1_000_000],
    ['empty', 0],
  ])('are refused when they are %s', (_, length) => {
    expect(() => decode(tensorOf(new Uint8Array(length)))).toThrow(invalid);
  });

  if (name.endsWith('+deflate')) {
    const plain = codecFor(codec.encoding - 16).maxEncodedBytes(layout);
    const bytes = layout.input ? plain + 1 : plain;

    it('are refused if they are not DEFLATE or end early', () => {
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
    const expected = codec === learned ? '60 symbols in learned' : `${most} bytes of ${name}`;

    it('are refused when they are one byte short, naming what was expected', () => {
      expect(() => decode(tensorOf(new Uint8Array(most - 1)))).toThrow(
        expect.objectContaining({
          code: 'TENSOR_INVALID',
          message: expect.stringContaining(`activation: expected ${expected}, found ${most - 1}`),
        }),
      );
    });
  }

  it('give values or are refused, whatever the bytes', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const data = Uint8Array.from(
        { length: Math.min(most, seed) },
        (_, i) => Math.imul(seed * 7_919 + i, 2_654_435_761) >>> 24,
      );
      try {
        expect(decode(tensorOf(data))).toHaveLength(codec === learned ? 60 : elementsOf(shape));
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
      const codec = codecs.find((each) => each.name === name) as ActivationCodec;
      const tensor = { shape: [4, 65_536], encoding: codec.encoding, data: bomb };
      expect(bomb.byteLength).toBeLessThanOrEqual(codec.maxEncodedBytes(tensor));
      const before = process.memoryUsage().arrayBuffers;
      expect(() => decodeTensor('activation', { shape: tensor.shape }, tensor)).toThrow(
        /expected \d+ bytes in /,
      );
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bombBytes / 4);
    },
  );
});

describe('decodeTensor', () => {
  it('refuses a message without a tensor', () => {
    expect(() => decodeTensor('input', { shape: [1] }, null)).toThrow(
      expect.objectContaining({ code: 'TENSOR_INVALID', message: 'input: is missing' }),
    );
  });

  it.each([[0], [99], [-1]])('refuses the encoding %s, and names the known ones', (encoding) => {
    const tensor = { shape: [1], data: new Uint8Array(4), encoding };
    expect(() => decodeTensor('input', { shape: [1] }, tensor)).toThrow(
      expect.objectContaining({
        code: 'TENSOR_INVALID',
        message: expect.stringMatching(
          new RegExp(`^encoding: expected one of 1 \\(float32\\), .*, found ${encoding}$`),
        ),
      }),
    );
  });

  it('refuses an empty message', () => {
    expect(() => decodeTensor('input', { shape: [1] }, decoded(v1.Tensor))).toThrow(
      'input: expected shape 1, found scalar',
    );
    expect(() =>
      decodeTensor('input', { shape: [1] }, decoded(v1.Tensor, { shape: [1], encoding: 1 })),
    ).toThrow('found 0');
  });
});
