import type { TensorInput } from '@offramp/bundle';
import { PictureDecoder } from '@offramp/data';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bodyFormats } from './sample-body.js';

const input: TensorInput = {
  ...{ kind: 'tensor', shape: [2, 3] },
  preprocessing: { mean: [1], std: [2] },
};
const values = [1, 3, 5, -1, -3, 1e9];
const normalised = Float32Array.from(values, (value) => (value - 1) / 2);

async function read(mediaType: string, body: Uint8Array | string, made = input): Promise<Float32Array> {
  const decoder = new PictureDecoder();
  onTestFinished(() => decoder.close());
  const format = bodyFormats(made, decoder).find((each) => each.mediaType === mediaType);
  if (!format) throw new Error(`expected a format ${mediaType}`);
  return (await format.read(Buffer.from(body as string), 'a body')).input;
}

const floats = (numbers: readonly number[]) => {
  const body = Buffer.alloc(4 * numbers.length);
  numbers.forEach((value, i) => {
    body.writeFloatLE(value, 4 * i);
  });
  return body;
};

describe('a tensor as a request', () => {
  it.each([
    ['application/octet-stream', floats(values)],
    ['application/json', JSON.stringify(values)],
    ['application/json', JSON.stringify([values.slice(0, 3), values.slice(3)])],
  ])('is normalised as the bundle says: %s', async (mediaType, body) => {
    expect(await read(mediaType, body)).toEqual(normalised);
  });

  it('is used unchanged if it is the input already', async () => {
    expect(await read('application/x-offramp-tensor', floats(values))).toEqual(Float32Array.from(values));
  });

  it('may be a vector', async () => {
    const vector: TensorInput = { kind: 'tensor', shape: [3] };
    expect(await read('application/json', '[1, 2.5, -3e3]', vector)).toEqual(Float32Array.of(1, 2.5, -3000));
  });

  const expected = 'body: expected 6 numbers, or arrays of 2×3; found';
  it.each([
    ['application/octet-stream', floats(values.slice(1)), 'body: expected 24 bytes of float32, found 20'],
    ['application/octet-stream', floats([...values.slice(1), Number.NaN]), 'found NaN'],
    ['application/octet-stream', floats([...values.slice(1), 1e13]), 'expected numbers from -1000000000000'],
    ['application/json', '[1, 2, 3]', `${expected} 3 values`],
    ['application/json', '[[1, 2], [3, 4], [5, 6]]', `${expected} 3 values, the first an array of 2`],
    ['application/json', '[[1, 2, 3], [4, 5]]', `${expected} 2 values, the first an array of 3`],
    ['application/json', '[1, 2, 3, 4, 5, "6"]', `${expected} 6 values`],
    ['application/json', '[1, 2, 3, 4, 5, null]', `${expected} 6 values`],
    ['application/json', '{"values": [1, 2, 3, 4, 5, 6]}', `${expected} a value of type object`],
    ['application/json', 'null', `${expected} null`],
    ['application/json', '[1, 2', `${expected} no JSON: `],
    ['application/json', '[1, 2, 3, 4, 5, 1e39]', 'expected numbers from -1000000000000'],
    ['application/json', `[${' '.repeat(300)}1, 2, 3, 4, 5, 6]`, `${expected} 318 bytes`],
    ['application/json', '['.repeat(280), `${expected} no JSON: `],
    ['application/x-offramp-tensor', floats([1]), 'body: expected 24 bytes of float32, found 4'],
  ])('is refused with what was expected: %s %j', async (mediaType, body, message) => {
    await expect(read(mediaType, body)).rejects.toMatchObject({
      code: 'TENSOR_INVALID',
      message: expect.stringContaining(message),
    });
  });
});
