import { Encoding } from '@offramp/contracts';
import { expect, it } from 'vitest';
import type { PictureInput, TensorInput } from '../manifest/input-specification.js';
import { encodingName } from './codecs.js';
import { formatEncodings, parseEncodings } from './encodings-header.js';
import { pictureFileEncodings, pictureFileOf } from './picture-files.js';

const input: PictureInput = {
  shape: [3, 4, 5],
  preprocessing: { mean: [0, 0, 0], std: [1, 1, 1] },
};
const layout = { shape: input.shape, input };
const tensor = (bytes: number, encoding = Encoding.ENCODING_JPEG, shape = [3, 4, 5]) => ({
  ...{ shape, encoding, data: new Uint8Array(bytes) },
});

it.each(pictureFileEncodings)(
  '$name is announced, has a name, and is recognised',
  ({ encoding, name, format, fitted }) => {
    expect(parseEncodings(formatEncodings())).toContain(encoding);
    expect(encodingName(encoding)).toBe(name);
    const { data } = tensor(60, encoding);
    expect(pictureFileOf('input', layout, tensor(60, encoding))).toEqual({ bytes: data, format, fitted });
  },
);

it('other encodings are no picture files', () => {
  expect(pictureFileOf('input', layout, tensor(60, Encoding.ENCODING_UINT8))).toBeNull();
  expect(pictureFileOf('input', layout, null)).toBeNull();
});

const numbers: TensorInput = { kind: 'tensor', shape: [3, 4, 5] };
const fourChannels: PictureInput = {
  shape: [4, 4, 5],
  preprocessing: { mean: [0, 0, 0, 0], std: [1, 1, 1, 1] },
};
it.each([
  ['no bytes', layout, tensor(0), 'input: expected 1 to 60 bytes of jpeg, found 0'],
  ['more bytes than its samples', layout, tensor(61), 'input: expected 1 to 60 bytes of jpeg, found 61'],
  ['another shape', layout, tensor(60, Encoding.ENCODING_WEBP, [3, 5, 4]), 'input: expected shape 3×4×5'],
  ['an activation', { shape: [3, 4, 5] }, tensor(9), 'an encoding of activations, found jpeg'],
  [
    'a tensor',
    { shape: [3, 4, 5], input: numbers },
    tensor(9),
    'found jpeg, which is for grey and RGB pictures',
  ],
  [
    'four channels',
    { shape: [4, 4, 5], input: fourChannels },
    tensor(9, Encoding.ENCODING_JPEG, [4, 4, 5]),
    'an encoding of this input, found jpeg',
  ],
])('a picture file of %s is refused', (_, where, sent, message) => {
  expect(() => pictureFileOf('input', where, sent)).toThrow(
    expect.objectContaining({ code: 'TENSOR_INVALID', message: expect.stringContaining(message) }),
  );
});
